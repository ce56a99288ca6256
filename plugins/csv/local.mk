# plugins/csv
