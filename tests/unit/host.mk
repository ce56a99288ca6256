# unit tests of host
