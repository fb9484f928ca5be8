// Package configs holds the example configurations that are shipped with the
// proxy. A test loads every one of them.
package configs

import "embed"

// Files holds minimal.yaml (the shortest configuration that works),
// jumpcloud.yaml (a typical production one) and full.yaml (every key with its
// default).
//
//go:embed *.yaml
var Files embed.FS
