# sdk/checker
