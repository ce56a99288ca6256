# plugins/folder
