# sdk/template
