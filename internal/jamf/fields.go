package jamf

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Sections of a server, as Jamf's pages name them.
const (
	SectionConnection = "Connection"
	SectionUsers      = "User Mappings"
	SectionGroups     = "User Group Mappings"
	SectionMembership = "User Group Membership Mappings"
)

// Places of the sections in the Classic API.
const (
	pathConnection = "connection/"
	pathUsers      = "mappings_for_users/user_mappings/"
	pathGroups     = "mappings_for_users/user_group_mappings/"
	pathMembership = "mappings_for_users/user_group_membership_mappings/"
)

// Field is one field of a server.
type Field struct {
	Section string
	Label   string // as in Jamf's pages; "" where they do not show it
	Path    string // elements of the Classic API, with slashes between them
	Value   string // as the Classic API writes it

	target   reflect.Value
	readOnly bool // the API shows it and does not take it
}

// Fields returns every field in the order of Jamf's pages.
func (s *Server) Fields() []Field {
	var all []Field
	for _, part := range [][]Field{s.Connection.fields(), s.userFields(), s.groupFields(), s.Membership.fields()} {
		all = append(all, part...)
	}
	for i := range all {
		all[i].Value = text(all[i].target)
	}
	return all
}

// section collects the fields of one.
type section struct {
	name, path string
	list       []Field
}

// add appends a field; target is a pointer to text, a list of it, a number or a
// switch.
func (s *section) add(element, label string, target any) {
	s.list = append(s.list, Field{Section: s.name, Label: label, Path: s.path + element, target: reflect.ValueOf(target).Elem()})
}

func (s *section) addReadOnly(element, label string, target any) {
	s.add(element, label, target)
	s.list[len(s.list)-1].readOnly = true
}

func (c *Connection) fields() []Field {
	s := section{name: SectionConnection, path: pathConnection}
	s.addReadOnly("id", "", &c.ID)
	s.add("server_type", "Directory Service", &c.Type)
	s.add("name", "Display Name", &c.Name)
	s.add("hostname", "Server", &c.Host)
	s.add("port", "Port", &c.Port)
	s.add("use_ssl", "Use SSL", &c.UseSSL)
	s.addReadOnly("certificates_used", "Certificate", &c.Certificate)
	s.add("authentication_type", "Authentication Type", &c.Authentication)
	s.add("account/distinguished_username", "Distinguished Username", &c.AccountDN)
	s.add("open_close_timeout", "Connection Timeout", &c.ConnectionTimeout)
	s.add("search_timeout", "Search Timeout", &c.SearchTimeout)
	s.add("referral_response", "Referral Response", &c.Referral)
	s.add("use_wildcards", "Use Wildcards When Searching", &c.UseWildcards)
	s.addReadOnly("is_enabled", "", &c.Enabled)
	s.addReadOnly("migrated_to_id", "", &c.MigratedTo)
	return s.list
}

func (s *Server) userFields() []Field {
	u, to := &s.Users, section{name: SectionUsers, path: pathUsers}
	to.addPlace(&u.AnyOrAll, &u.ObjectClasses, &u.SearchBase, &u.SearchScope)
	to.add("map_user_id", "User ID", &u.UserID)
	to.add("map_username", "Username", &u.Username)
	to.add("map_realname", "Real Name", &u.RealName)
	to.add("map_email_address", "Email Address", &u.Email)
	to.add("append_to_email_results", "Append to Email Results", &u.AppendToEmail)
	to.add("map_department", "Department", &u.Department)
	to.add("map_building", "Building", &u.Building)
	to.add("map_room", "Room", &u.Room)
	to.add("map_phone", "Phone", &u.Phone)
	to.add("map_position", "Position", &u.Position)
	to.add("map_user_uuid", "User UUID", &u.UUID)
	return to.list
}

func (s *Server) groupFields() []Field {
	g, to := &s.Groups, section{name: SectionGroups, path: pathGroups}
	to.addPlace(&g.AnyOrAll, &g.ObjectClasses, &g.SearchBase, &g.SearchScope)
	to.add("map_group_id", "Group ID", &g.ID)
	to.add("map_group_name", "Group Name", &g.Name)
	to.add("map_group_uuid", "Group UUID", &g.UUID)
	return to.list
}

// Which of the two switches for DNs belongs to which location is told in both
// ways; see the decision in docs/simulate.md.
func (m *Membership) fields() []Field {
	s := section{name: SectionMembership, path: pathMembership}
	s.add("user_group_membership_stored_in", "Membership Location", &m.StoredIn)
	s.add("map_user_membership_to_group_field", "Member User Mapping", &m.MemberAttribute)
	s.add("map_user_membership_use_dn", "Use distinguished name of member users when searching", &m.MemberUseDN)
	s.add("user_group_membership_use_ldap_compare", "Use the LDAP compare operation when searching", &m.UseCompare)
	s.add("map_group_membership_to_user_field", "Group Membership Mapping", &m.GroupsAttribute)
	s.add("use_dn", "Use distinguished name of user groups when searching", &m.GroupsUseDN)
	s.add("group_membership_enabled_when_user_membership_selected", "Use the 'member' field for select membership queries", &m.SelectByMember)
	s.add("append_to_username", "Append to Username When Searching", &m.AppendToUsername)
	s.add("recursive_lookups", "Use recursive group searches", &m.Recursive)
	s.add("membership_scoping_optimization", "Membership calculation optimization", &m.Optimized)
	s.addPlace(&m.AnyOrAll, &m.ObjectClasses, &m.SearchBase, &m.SearchScope)
	s.add("username", "Username Mapping", &m.Username)
	s.add("group_id", "Group ID Mapping", &m.GroupID)
	return s.list
}

func (s *section) addPlace(limit, classes, base, scope any) {
	s.add("map_object_class_to_any_or_all", "Object Class Limitation", limit)
	s.add("object_classes", "Object Class(es)", classes)
	s.add("search_base", "Search Base", base)
	s.add("search_scope", "Search Scope", scope)
}

// text writes a value as the Classic API does.
func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Slice:
		return strings.Join(v.Interface().([]string), ",")
	}
	return v.String()
}

// set reads a value as the Classic API writes it.
func (f *Field) set(value string) error {
	value = strings.TrimSpace(value)
	switch f.target.Kind() {
	case reflect.Bool:
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%s: %q is neither true nor false", f.Path, clip(value))
		}
		f.target.SetBool(on)
	case reflect.Int:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return fmt.Errorf("%s: %q is no number", f.Path, clip(value))
		}
		f.target.SetInt(n)
	case reflect.Slice:
		f.target.Set(reflect.ValueOf(strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' })))
	default:
		f.target.SetString(value)
	}
	return nil
}

// Set changes the field at a path of the Classic API.
func (s *Server) Set(path, value string) error {
	for _, f := range s.Fields() {
		if f.Path == path {
			return f.set(value)
		}
	}
	return fmt.Errorf("there is no field %s", path)
}
