# agent/os
