package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpColumns is how wide --help may be.
const helpColumns = 100

// usageTemplate is cobra's, with the texts of flags wrapped.
func usageTemplate(root *cobra.Command) string {
	return strings.ReplaceAll(root.UsageTemplate(), "FlagUsages", fmt.Sprintf("FlagUsagesWrapped %d", helpColumns))
}
