# plugins/sqlite
