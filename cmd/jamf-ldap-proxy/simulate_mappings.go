package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/jamf"
	"jamf-ldap-proxy/internal/simulate"
)

// mappingOptions say what is typed into the mappings of Jamf.
type mappingOptions struct {
	export string
	set    []string
}

func (o *mappingOptions) register(f *pflag.FlagSet) {
	f.StringVar(&o.export, "jamf-export", "", "file with the LDAP server from Jamf's Classic API")
	f.StringArrayVar(&o.set, "set", nil, "`FIELD=VALUE` of a mapping, as member=memberUid; see docs/simulate.md")
}

// mappingFields are what --set changes: elements of the Classic API, with a slash
// before them where the same one stands in several sections.
var mappingFields = map[string][]string{
	"user-classes": {"user_mappings/object_classes"},
	"user-limit":   {"user_mappings/map_object_class_to_any_or_all"},
	"user-base":    {"user_mappings/search_base"},
	"user-scope":   {"user_mappings/search_scope"},
	"username":     {"map_username"},
	"user-id":      {"map_user_id"},
	"real-name":    {"map_realname"},
	"email":        {"map_email_address"},
	"department":   {"map_department"},
	"building":     {"map_building"},
	"room":         {"map_room"},
	"phone":        {"map_phone"},
	"position":     {"map_position"},
	"user-uuid":    {"map_user_uuid"},

	"group-classes": {"user_group_mappings/object_classes"},
	"group-limit":   {"user_group_mappings/map_object_class_to_any_or_all"},
	"group-base":    {"user_group_mappings/search_base"},
	"group-scope":   {"user_group_mappings/search_scope"},
	"group-id":      {"map_group_id"},
	"group-name":    {"map_group_name"},
	"group-uuid":    {"map_group_uuid"},

	"stored-in":   {"user_group_membership_stored_in"},
	"member":      {"map_user_membership_to_group_field"},
	"member-of":   {"map_group_membership_to_user_field"},
	"use-dn":      {"map_user_membership_use_dn", "use_dn"},
	"use-compare": {"user_group_membership_use_ldap_compare"},
	"append":      {"append_to_username"},

	"wildcards":          {"use_wildcards"},
	"connection-timeout": {"open_close_timeout"},
	"search-timeout":     {"search_timeout"},
}

// spellings are short forms of values.
var spellings = map[string]string{
	"stored-in group": string(simulate.GroupObject), "stored-in user": string(simulate.UserObject),
	"user-scope sub": string(simulate.AllSubtrees), "user-scope one": string(simulate.FirstLevelOnly),
	"group-scope sub": string(simulate.AllSubtrees), "group-scope one": string(simulate.FirstLevelOnly),
}

// mappingNames are the names that --set knows.
func mappingNames() []string {
	names := make([]string, 0, len(mappingFields))
	for name := range mappingFields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// server is Jamf's LDAP server that the options describe: the export, or what
// JumpCloud's instructions lead to, and then what --set says.
func (o *mappingOptions) server(base string, cfg config.Config, detailed bool, notes output) (*jamf.Server, error) {
	if base == "" && o.export == "" {
		return nil, &usageError{errors.New("it is not known where users and groups are"), "--base ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com"}
	}
	s := jamf.New()
	m := simulate.Default(base)
	if cfg.Groups.LegacyClass == "groupOfUniqueNames" {
		m.Groups.ObjectClasses, m.Membership.Attribute = []string{cfg.Groups.LegacyClass}, "uniqueMember"
	}
	s.Users.UserMappings, s.Groups = m.Users, m.Groups
	s.Membership = jamf.Membership{StoredIn: m.Membership.StoredIn, MemberAttribute: m.Membership.Attribute, MemberUseDN: true, GroupsAttribute: "memberOf", GroupsUseDN: true}
	if o.export != "" {
		var err error
		if s, err = readExport(o.export, detailed, notes); err != nil {
			return nil, err
		}
	}
	for _, text := range o.set {
		if err := o.change(s, text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// change does what one --set says.
func (o *mappingOptions) change(s *jamf.Server, text string) error {
	name, value, found := strings.Cut(text, "=")
	elements, known := mappingFields[name]
	if !found || !known {
		return &usageError{fmt.Errorf("--set %s: write FIELD=VALUE, with a field of %s", shownName(text), strings.Join(mappingNames(), ", ")), "--set member=memberUid"}
	}
	if long, isShort := spellings[name+" "+strings.ToLower(value)]; isShort {
		value = long
	}
	for _, f := range s.Fields() {
		if !slices.ContainsFunc(elements, func(e string) bool { return strings.HasSuffix(f.Path, "/"+e) }) {
			continue
		}
		if err := s.Set(f.Path, value); err != nil {
			return &usageError{fmt.Errorf("--set %s: %w", shownName(text), err), ""}
		}
	}
	return checkChoices(s, text)
}

// checkChoices refuses a value that is none of Jamf's.
func checkChoices(s *jamf.Server, text string) error {
	oneOf := func(value string, choices ...string) error {
		if value == "" || slices.Contains(choices, value) {
			return nil
		}
		return &usageError{fmt.Errorf("--set %s: choose %s", shownName(text), strings.Join(choices, " or ")), ""}
	}
	scopes := []string{string(simulate.AllSubtrees), string(simulate.FirstLevelOnly)}
	limits := []string{string(simulate.Any), string(simulate.All)}
	return errors.Join(
		oneOf(string(s.Users.SearchScope), scopes...), oneOf(string(s.Groups.SearchScope), scopes...),
		oneOf(string(s.Users.AnyOrAll), limits...), oneOf(string(s.Groups.AnyOrAll), limits...),
		oneOf(string(s.Membership.StoredIn), string(simulate.GroupObject), string(simulate.UserObject)),
	)
}

// readExport reads an LDAP server that was saved from Jamf's Classic API.
func readExport(file string, detailed bool, notes output) (*jamf.Server, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &usageError{fmt.Errorf("opening the export: %w", err), "save what GET /JSSResource/ldapservers/id/ID of Jamf answers, and name that file"}
	}
	defer f.Close()
	s, ignored, err := jamf.Read(f)
	if err != nil {
		return nil, &usageError{fmt.Errorf("reading the export %s: %w", file, err), ""}
	}
	if detailed && len(ignored) > 0 {
		fmt.Fprintf(notes, "Ignored in %s:\n", file)
		for _, path := range ignored {
			fmt.Fprintf(notes, "  %s\n", shownName(path))
		}
	}
	return s, nil
}

// completeSetting offers the fields of --set.
func completeSetting(*cobra.Command) []string {
	names := mappingNames()
	for i := range names {
		names[i] += "="
	}
	return names
}
