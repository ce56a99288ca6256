# plugins/jsonl
