# agent/flow
