//go:build tools

// Package tools pins the module that is built from here.
package tools

import _ "github.com/f1bonacc1/process-compose/src"
