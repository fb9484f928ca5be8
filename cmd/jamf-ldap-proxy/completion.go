package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// fileFlags are flags that name a file, on whichever command unless it is named
// too, with the endings that such files have; none means that any will do.
var fileFlags = map[string][]string{
	"config": {"yaml", "yml"}, "journal": {"db"}, "entry": {"ldif"}, "ca": {"pem", "crt"},
	"token-file": nil, "password-file": nil, "user-password-file": nil, "out": nil, "lines": nil,
	"jamf-export": {"xml", "json"}, "jamf-settings --check": {"xml", "json"},
}

// folderFlags are flags that name a folder.
var folderFlags = []string{"dir"}

// valueFlags are flags whose values a shell can offer.
var valueFlags = map[string]cobra.CompletionFunc{
	"config example --preset": offer(presetNames),
	"explain --scope":         offer(words("base", "one", "sub", "children")),
	"explain --base":          offer(groupDNs),
	"pairs --format":          offer(words(slices.Sorted(maps.Keys(printers))...)),
	"lookups --kind":          offer(words(lookup.Kinds()...)),
	"lookups --op":            offer(words(append(lookup.Ops(), lookup.QuestionOps, lookup.AnyOp)...)),
	"lookups --result": offer(words(string(lookup.Answered), string(lookup.Empty), string(lookup.Failed), string(lookup.Silent),
		"noSuchObject", "invalidCredentials", "insufficientAccessRights", "sizeLimitExceeded", "timeLimitExceeded", "busy", "unavailable")),
	"lookups --hint":  offer(func(*cobra.Command) []string { return append(explained(rewrite.HintText), lookup.AnyHint) }),
	"lookups --rule":  offer(func(*cobra.Command) []string { return explained(rewrite.RuleText) }),
	"lookups --group": offer(groupNames),
	"doctor --group":  offer(groupNames), "simulate --group": offer(groupNames),
	"simulate --set":         offer(completeSetting),
	"replay --kind":          offer(words(lookup.Kinds()...)),
	"replay --result":        offer(words(string(lookup.Answered), string(lookup.Empty), string(lookup.Failed))),
	"replay --group":         offer(groupNames),
	"replay --since":         offer(words("15m", "1h", "24h", "7d")),
	"jamf-settings --format": offer(words(settingFormats...)),
	"lookups --since":        offer(words("15m", "1h", "24h", "7d")),
	"lookups --until":        offer(words("15m", "1h", "24h", "7d")),
	"lookups --slow":         offer(words("100ms", "250ms", "1s", "5s")),
}

// addCompletions tells every command below root what its flags may be. What is in
// none of the lists above is free text, for which a shell offers nothing.
func addCompletions(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for cmd := range commands(root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if complete := completionOf(cmd, f.Name); complete != nil {
				if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
					panic(err) // registered twice
				}
			}
		})
	}
}

func completionOf(cmd *cobra.Command, flag string) cobra.CompletionFunc {
	if complete, ok := valueFlags[flagKey(cmd, flag)]; ok {
		return complete
	}
	if slices.Contains(folderFlags, flag) {
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	}
	endings, isFile := fileFlags[flagKey(cmd, flag)]
	if !isFile {
		endings, isFile = fileFlags[flag]
	}
	switch {
	case !isFile:
		return nil
	case endings == nil:
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return cobra.FixedCompletions(endings, cobra.ShellCompDirectiveFilterFileExt)
}

// flagKey is "lookups --kind".
func flagKey(cmd *cobra.Command, flag string) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ") + " --" + flag
}

// commands yields root and all commands below it.
func commands(root *cobra.Command) func(yield func(*cobra.Command) bool) {
	return func(yield func(*cobra.Command) bool) { walkCommands(root, yield) }
}

func walkCommands(cmd *cobra.Command, yield func(*cobra.Command) bool) bool {
	if !yield(cmd) {
		return false
	}
	for _, sub := range cmd.Commands() {
		if !walkCommands(sub, yield) {
			return false
		}
	}
	return true
}

// offer completes with those of the values that begin with what is typed. Behind
// one that ends in = there is more to come.
func offer(values func(*cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		var fitting []string
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, v := range values(cmd) {
			if len(v) >= len(typed) && strings.EqualFold(v[:len(typed)], typed) {
				fitting = append(fitting, v)
			}
			if strings.HasSuffix(v, "=") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return fitting, directive
	}
}

func words(list ...string) func(*cobra.Command) []string {
	return func(*cobra.Command) []string { return list }
}

// clauseEnd is where a text may be cut that has to stand beside a word.
var clauseEnd = regexp.MustCompile(`[;,.] | \(|\.$`)

// explained lists the names with the beginning of their text, as shells show it.
func explained(texts map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text := clauseEnd.Split(texts[name], 2)[0]
		list = append(list, cobra.CompletionWithDesc(name, text))
	}
	return list
}

func presetNames(*cobra.Command) []string {
	var list []string
	for _, p := range configs.Presets() {
		list = append(list, cobra.CompletionWithDesc(p.Name, p.About))
	}
	return list
}

// typedConfig loads what --config names so far. Whoever completes a line wants no
// errors.
func typedConfig(cmd *cobra.Command) config.Config {
	file := cmd.Flag("config")
	if file == nil || file.Value.String() == "" {
		return config.Config{}
	}
	cfg, err := config.Load(file.Value.String(), os.Environ())
	if err != nil {
		return config.Config{}
	}
	return cfg
}

// groupNames lists the groups that the configuration names.
func groupNames(cmd *cobra.Command) []string {
	var list []string
	for _, p := range typedConfig(cmd).Groups.Pairs {
		list = append(list, cobra.CompletionWithDesc(p.Legacy, "Linux group "+p.Posix))
	}
	return list
}

// groupDNs lists the base of all searches and the DNs of groups.
func groupDNs(cmd *cobra.Command) []string {
	cfg := typedConfig(cmd)
	if cfg.Upstream.Base == "" {
		return nil
	}
	list := []string{cfg.Upstream.Base}
	for _, p := range cfg.Groups.Pairs {
		list = append(list, "cn="+goldap.EscapeDN(p.Legacy)+","+cfg.Upstream.Base)
	}
	return list
}
