package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// allCommands are those of the program and what cobra adds.
func allCommands() []*cobra.Command {
	root := newRootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var all []*cobra.Command
	for cmd := range commands(root) {
		all = append(all, cmd)
	}
	return all
}

// arguments are the words that call a command.
func arguments(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

// helpLines is how long --help may be, to fit a screen.
const helpLines = 40

// TestHelpFitsAScreen, and has an example in it.
func TestHelpFitsAScreen(t *testing.T) {
	for _, cmd := range allCommands() {
		var out strings.Builder
		if code := run(t.Context(), append(arguments(cmd), "--help"), &out, io.Discard); code != exitOK {
			t.Fatalf("%s --help ends with %d", cmd.CommandPath(), code)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) > helpLines {
			t.Errorf("%s --help has %d lines, which is more than %d", cmd.CommandPath(), len(lines), helpLines)
		}
		for _, line := range lines {
			if len([]rune(line)) > helpColumns {
				t.Errorf("%s --help has a line of %d columns, which is more than %d: %s", cmd.CommandPath(), len([]rune(line)), helpColumns, line)
			}
		}
		if isDocumented(cmd) && !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s --help shows no example", cmd.CommandPath())
		}
	}
}
