# unit tests of functions
