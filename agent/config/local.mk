# agent/config
