package config

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// EnvPrefix begins every variable that overrides a key: upstream.base is
// JAMF_LDAP_PROXY_UPSTREAM_BASE, listeners[0].address is
// JAMF_LDAP_PROXY_LISTENERS_0_ADDRESS. Lists of text are separated by commas.
const EnvPrefix = "JAMF_LDAP_PROXY_"

// kubernetesVariable matches what Kubernetes puts into every container of a
// namespace that has a Service called jamf-ldap-proxy or jamf-ldap-proxy-web.
// Those are not ours, and refusing them would stop the proxy in its most likely
// deployment.
var kubernetesVariable = regexp.MustCompile(
	`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

var kubernetesURL = regexp.MustCompile(`^(tcp|udp|sctp)://`)

func setByKubernetes(name, value string) bool {
	return kubernetesVariable.MatchString(name) ||
		(strings.HasSuffix(name, "_PORT") && kubernetesURL.MatchString(value))
}

// variableName turns a path into the part of a variable's name behind
// EnvPrefix.
func variableName(path string) string {
	return strings.ToUpper(strings.NewReplacer("[]", "_0", "[", "_", "]", "", ".", "_").Replace(path))
}

// CommandPasswordVariable holds the password of commands that ask a directory as
// somebody given on the command line. It is no key, and exported in a shell it
// must not keep other commands from starting.
const CommandPasswordVariable = EnvPrefix + "PASSWORD"

// CommandUserPasswordVariable is the same for the user that `simulate login` logs in.
const CommandUserPasswordVariable = EnvPrefix + "USER_PASSWORD"

type variable struct{ name, value string }

// readEnv lays the variables over the configuration. An empty variable counts
// as not set: compose files and unit files pass on what they do not know.
func (l *loader) readEnv(environ []string) {
	var vars []variable
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if ok && value != "" && strings.HasPrefix(name, EnvPrefix) && name != CommandPasswordVariable && name != CommandUserPasswordVariable && !setByKubernetes(name, value) {
			vars = append(vars, variable{name, value})
		}
	}
	// By name, and LISTENERS_2 before LISTENERS_10: items are appended in order.
	slices.SortFunc(vars, func(a, b variable) int { return cmp.Compare(sortKey(a.name), sortKey(b.name)) })
	for _, v := range vars {
		if v.name == PasswordVariable {
			l.passwordFromVariable(v.value)
			continue
		}
		l.readVariable(v)
	}
	l.variables = len(vars)
}

var digits = regexp.MustCompile(`[0-9]+`)

// sortKey pads numbers, so that text order is also number order.
func sortKey(name string) string {
	return digits.ReplaceAllStringFunc(name, func(n string) string {
		return strings.Repeat("0", max(0, 10-len(n))) + n
	})
}

func (l *loader) readVariable(v variable) {
	rest := strings.TrimPrefix(v.name, EnvPrefix)
	target, path, ok := resolve(rest, "", reflect.ValueOf(&l.cfg).Elem())
	if !ok {
		l.unknownVariable(v, rest)
		return
	}
	from := origin{variable: v.name}
	l.at.forget(path)
	l.at[path] = from
	// What an item that only variables describe lacks is reported with them.
	if up := parent(path); strings.HasSuffix(up, "]") && !l.at.given(up) {
		l.at[up] = from
	}
	if isList(target.Type()) {
		l.setList(target, path, v.value)
		return
	}
	if fault := setScalar(target, scalar{text: v.value}); fault != nil {
		l.mistake(path, v.value, fault.message, fault.try)
	}
}

// resolve finds the value that the rest of a variable's name means. An item one
// past the end of a list is appended, but only for a name that is right to its
// end.
func resolve(rest, path string, section reflect.Value) (reflect.Value, string, bool) {
	for _, f := range fieldsOf(section.Type()) {
		v, name, p := section.Field(f.index), strings.ToUpper(f.name), join(path, f.name)
		inside, isInside := strings.CutPrefix(rest, name+"_")
		switch {
		case isSection(v.Type()):
			if isInside {
				return resolve(inside, p, v)
			}
		case isList(v.Type()) && isSection(v.Type().Elem()):
			if isInside {
				return resolveItem(inside, p, v)
			}
		case rest == name:
			return v, p, true
		}
	}
	return reflect.Value{}, "", false
}

// resolveItem is resolve for a name that goes on with the number of an item.
func resolveItem(rest, path string, list reflect.Value) (reflect.Value, string, bool) {
	number, inside, _ := strings.Cut(rest, "_")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i > list.Len() || number != strconv.Itoa(i) {
		return reflect.Value{}, "", false
	}
	if i == list.Len() {
		fresh := newItem(list.Type().Elem())
		if _, _, ok := resolve(inside, "", fresh); !ok {
			return reflect.Value{}, "", false
		}
		list.Set(reflect.Append(list, fresh))
	}
	return resolve(inside, item(path, i), list.Index(i))
}

func (l *loader) setList(target reflect.Value, path, value string) {
	parts := strings.Split(value, ",")
	list := reflect.MakeSlice(target.Type(), len(parts), len(parts))
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if fault := setScalar(list.Index(i), scalar{text: part}); fault != nil {
			l.mistake(item(path, i), part, fault.message, fault.try)
		}
	}
	target.Set(list)
}

func (l *loader) unknownVariable(v variable, rest string) {
	p := &Problem{File: "environment variable " + v.name}
	var names []string
	for _, key := range Keys() {
		names = append(names, variableName(key))
	}
	names = append(names, strings.TrimPrefix(PasswordVariable, EnvPrefix))
	p.Message = "no key of the configuration has this name"
	p.Try = "unset it; a variable is " + EnvPrefix + " and the key in capitals, for example " + EnvPrefix + "UPSTREAM_BASE"
	if near := nearest(rest, names); near != "" {
		p.Try = "did you mean " + EnvPrefix + near + "?"
	}
	l.add(p)
}
