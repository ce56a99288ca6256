# agent/rules
