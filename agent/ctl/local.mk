# agent/ctl
