package test

import _ "embed"

// audit is what axe and others look for, as far as it concerns these pages: names
// of controls, order of headings, ids, contrast (WCAG 2.1 AA), reflow.
//
//go:embed testdata/audit.js
var audit string
