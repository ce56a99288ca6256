# unit tests of flow
