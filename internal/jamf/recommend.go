package jamf

import (
	"fmt"
	"strings"

	"jamf-ldap-proxy/internal/simulate"
)

// Recommend returns the server that fits a proxy.
func Recommend(site *Site) *Server {
	l := site.preferred()
	m := simulate.Default(site.Base)
	s := New()
	_, port := l.split()
	s.Connection = Connection{
		Name: "JumpCloud via proxy", Host: site.nameIn(l), Port: port, Type: "Custom", UseSSL: l.LDAPS,
		Authentication: "simple", AccountDN: site.account(), Referral: "ignore", UseWildcards: m.UseWildcards, Enabled: true,
		ConnectionTimeout: max(15, seconds(site.LongestBind)), SearchTimeout: max(60, seconds(site.LongestSearch)),
	}
	s.Users.UserMappings, s.Groups = m.Users, m.Groups
	s.Membership = Membership{
		StoredIn: simulate.GroupObject, MemberAttribute: site.memberAttribute(), MemberUseDN: true, GroupsUseDN: true, Optimized: true,
	}
	s.Groups.ObjectClasses = []string{site.LegacyClass}
	if !site.bridges() {
		s.Groups.ObjectClasses = []string{"posixGroup"}
		s.Membership.MemberAttribute, s.Membership.MemberUseDN, s.Membership.GroupsUseDN = "memberUid", false, false
	}
	return s
}

// Setting is a field to type into Jamf, and why it has this value.
type Setting struct {
	Section string `json:"section"`
	Label   string `json:"label"`
	Value   string `json:"value"` // as it looks in Jamf
	Why     string `json:"why"`
}

// Settings returns what to type into each field of Jamf's pages, in their order.
func Settings(site *Site) []Setting {
	s := Recommend(site)
	why := reasons(site)
	var list []Setting
	for _, f := range s.Fields() {
		reason, shown := why[f.Path]
		if !shown {
			continue
		}
		list = append(list, Setting{f.Section, f.Label, shownValue(&f), reason})
		switch f.Label {
		case "Use SSL":
			if l := site.preferred(); l.LDAPS {
				list = append(list, Setting{f.Section, "Certificate", "upload the root of " + l.File,
					"Jamf trusts the proxy's certificate by its root; not needed when that is a public one."})
			}
		case "Distinguished Username":
			list = append(list, Setting{f.Section, "Password", "(that of this user)", "The proxy passes it on, and keeps nothing of it."})
		}
	}
	return list
}

// shownValue is a value in the words of Jamf's pages.
func shownValue(f *Field) string {
	switch {
	case f.Value == "true":
		return "ticked"
	case f.Value == "false":
		return "not ticked"
	case f.Label == "Directory Service" && f.Value == "Custom":
		return "Configure Manually"
	case f.Label == "Referral Response":
		return "Ignore referrals"
	case f.Label == "Object Class Limitation" && f.Value == string(simulate.All):
		return "All ObjectClass Values"
	case f.Label == "Membership Location":
		return map[string]string{"group object": "Group Object", "user object": "User Object"}[f.Value]
	case f.Value == "":
		return "(empty)"
	}
	return f.Value
}

// reasons say why, for each field that is shown.
func reasons(site *Site) map[string]string {
	l := site.preferred()
	why := map[string]string{
		pathConnection + "server_type":                    "The other services bring mappings that do not fit JumpCloud.",
		pathConnection + "name":                           "Any name; it is shown where one chooses a directory.",
		pathConnection + "hostname":                       serverReason(site, l),
		pathConnection + "port":                           "From listeners, " + l.Address + ".",
		pathConnection + "use_ssl":                        sslReason(l),
		pathConnection + "authentication_type":            "The proxy and JumpCloud take nothing else.",
		pathConnection + "account/distinguished_username": accountReason(site),
		pathConnection + "open_close_timeout": fmt.Sprintf("Jamf waits so long for a login; the proxy at most %d s (upstream.connect_timeout and bind_timeout).",
			seconds(site.LongestBind)),
		pathConnection + "search_timeout":    fmt.Sprintf("The proxy waits at most %d s (upstream.search_timeout).", seconds(site.LongestSearch)),
		pathConnection + "referral_response": "The proxy follows none and passes none on.",
		pathConnection + "use_wildcards":     "A part of a name is enough in search boxes.",

		pathUsers + "map_object_class_to_any_or_all": "With one class both choices are the same.",
		pathUsers + "object_classes":                 "The class of JumpCloud's users.",
		pathUsers + "search_base":                    "upstream.base: JumpCloud has users and groups there.",
		pathUsers + "search_scope":                   "Both choices work; JumpCloud has one level.",
		pathUsers + "map_user_id":                    "Unique, and never changes.",
		pathUsers + "map_username":                   "The name that people log in with.",
		pathUsers + "map_realname":                   "The full name.",
		pathUsers + "map_email_address":              "The mail address.",
		pathUsers + "append_to_email_results":        "mail is a whole address.",
		pathUsers + "map_department":                 "Or an attribute of yours; Jamf takes values only that it has as departments.",
		pathUsers + "map_building":                   "Or an attribute of yours; Jamf takes values only that it has as buildings.",
		pathUsers + "map_room":                       "Or an attribute of yours.",
		pathUsers + "map_phone":                      "Or telephoneNumber.",
		pathUsers + "map_position":                   "Or title.",
		pathUsers + "map_user_uuid":                  "The directory's own identifier of the entry.",

		pathGroups + "map_object_class_to_any_or_all": "With one class both choices are the same.",
		pathGroups + "object_classes":                 classReason(site),
		pathGroups + "search_base":                    "upstream.base: JumpCloud has users and groups there.",
		pathGroups + "search_scope":                   "Both choices work; JumpCloud has one level.",
		pathGroups + "map_group_id":                   groupIDReason(site),
		pathGroups + "map_group_name":                 "Scopes name groups by it.",
		pathGroups + "map_group_uuid":                 uuidReason(site),

		pathMembership + "user_group_membership_stored_in":        "JumpCloud lists members on the group.",
		pathMembership + "map_user_membership_to_group_field":     memberReason(site),
		pathMembership + "map_user_membership_use_dn":             useDNReason(site),
		pathMembership + "user_group_membership_use_ldap_compare": "Both work; one search tells name and ID as well.",
		pathMembership + "append_to_username":                     "Not for a DN. What is written here has to be in groups.strip_suffixes.",
		pathMembership + "recursive_lookups":                      "JumpCloud's groups have no groups in them; it would cost a lookup each time.",
		pathMembership + "membership_scoping_optimization":        "One lookup for all groups of a user, as far as is known.",
	}
	return why
}

func serverReason(site *Site, l Listener) string {
	switch host := site.nameIn(l); {
	case l.LDAPS && l.Certificate != nil:
		return "It is in the certificate; any other name is refused."
	case isThisMachine(host):
		return "Jamf Pro on the same machine as the proxy; nothing else reaches this listener."
	case host == site.Hostname:
		return "This machine, as it calls itself; a name that Jamf Pro resolves."
	}
	return "From listeners, " + l.Address + "."
}

func sslReason(l Listener) string {
	switch {
	case l.LDAPS:
		return "The listener speaks TLS from the first byte."
	case l.isLocal():
		return "The listener is plain, and on this machine only."
	}
	return "The listener is plain; passwords cross the network readable. Add one with protocol: ldaps."
}

func accountReason(site *Site) string {
	const tick = `In JumpCloud it needs "Enable as LDAP Bind DN".`
	if site.Account == "" {
		return "Put the name of your user in place of jamf.ldap. " + tick
	}
	return "upstream.service_account.dn. " + tick
}

func classReason(site *Site) string {
	switch site.Mode {
	case ModePosix:
		return "groups.legacy_class; answered from JumpCloud's Linux groups (groups.mode: posix)."
	case ModeMerge:
		return "groups.legacy_class; completed from JumpCloud's Linux groups (groups.mode: merge)."
	}
	return "With groups.mode: off only Linux groups have an ID; they have other names. See groups.mode."
}

func groupIDReason(site *Site) string {
	switch site.Mode {
	case ModePosix:
		return "The ID of the Linux group."
	case ModeMerge:
		return "The ID of the group's Linux group; a group without one has none."
	}
	return "Linux groups have it."
}

func uuidReason(site *Site) string {
	if site.StableUUID {
		return "Jamf Pro 11.29 and later need one; made from the group's name (groups.stable_uuid)."
	}
	return "Jamf Pro 11.29 and later need one. groups.stable_uuid: true keeps it the same in all modes."
}

func memberReason(site *Site) string {
	if !site.bridges() {
		return "Linux groups list usernames there."
	}
	return strings.Join([]string{"Groups of class", site.LegacyClass, "list the DNs of members there."}, " ")
}

func useDNReason(site *Site) string {
	if !site.bridges() {
		return "memberUid holds usernames."
	}
	return site.memberAttribute() + " holds DNs."
}
