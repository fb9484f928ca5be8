package jamf

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of an export. A real one has some kilobytes, and more with a certificate.
const (
	maxExport = 1 << 20 // bytes
	maxDepth  = 32
)

const howToExport = "save what GET /JSSResource/ldapservers/id/ID of Jamf's Classic API answers"

// Read reads an LDAP server as the Classic API shows it, in XML or JSON. Elements
// that are not known are returned as ignored, by their paths. A password is
// neither kept nor named.
func Read(r io.Reader) (server *Server, ignored []string, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxExport+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxExport {
		return nil, nil, fmt.Errorf("it is larger than %d KiB, which no LDAP server of Jamf is; %s", maxExport>>10, howToExport)
	}
	var leaves []leaf
	switch data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); {
	case bytes.HasPrefix(data, []byte("<")):
		leaves, err = readXML(data)
	case bytes.HasPrefix(data, []byte("{")):
		leaves, err = readJSON(data)
	default:
		err = errors.New("it is neither XML nor JSON; " + howToExport)
	}
	if err != nil {
		return nil, nil, err
	}
	return build(leaves)
}

// leaf is a value with the elements that lead to it.
type leaf struct{ path, value string }

// aliases are other spellings of elements.
var aliases = map[string]string{
	pathUsers + "map_telephone":         pathUsers + "map_phone",
	pathUsers + "map_real_name":         pathUsers + "map_realname",
	pathConnection + "certificate_used": pathConnection + "certificates_used",
	"id":                                pathConnection + "id", // of an answer to a POST
}

// build fills a server from the values of an export.
func build(leaves []leaf) (*Server, []string, error) {
	s := New()
	fields := make(map[string]Field)
	for _, f := range s.Fields() {
		fields[f.Path] = f
	}
	var (
		ignored  []string
		problems []error
		known    int
	)
	for _, l := range leaves {
		path := l.path
		if other, isAlias := aliases[path]; isAlias {
			path = other
		}
		if strings.HasPrefix(path, pathConnection+"certificate") {
			path = pathConnection + "certificates_used" // whatever is in it
		}
		f, isKnown := fields[path]
		switch {
		case isSecret(path), path == pathConnection+"connection_is_used_for":
			continue
		case !isKnown:
			if !slices.Contains(ignored, l.path) {
				ignored = append(ignored, l.path)
			}
			continue
		}
		known++
		if l.value != "" { // it may be there in another spelling
			problems = append(problems, f.set(l.value))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, nil, err
	}
	if known == 0 {
		return nil, nil, errors.New("there is no field of an LDAP server in it; " + howToExport)
	}
	return s, ignored, nil
}

// isSecret tells whether an element is a password, or made of one.
func isSecret(path string) bool {
	return strings.Contains(path[strings.LastIndex(path, "/")+1:], "password")
}

func readXML(data []byte) ([]leaf, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var (
		leaves []leaf
		path   []string
		text   strings.Builder
		isLeaf bool
	)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return leaves, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading XML: %w; %s", err, howToExport)
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
			if err := checkRoot(path); err != nil {
				return nil, err
			}
			text.Reset()
			isLeaf = true
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if isLeaf && len(path) > 1 {
				leaves = append(leaves, leaf{strings.Join(path[1:], "/"), strings.TrimSpace(text.String())})
			}
			path, isLeaf = path[:len(path)-1], false
		}
	}
}

// checkRoot looks at how an XML export begins.
func checkRoot(path []string) error {
	switch {
	case len(path) > maxDepth:
		return errors.New("reading XML: it is nested too deeply; " + howToExport)
	case len(path) > 1 || path[0] == "ldap_server":
		return nil
	case path[0] == "ldap_servers":
		return errIsList
	case strings.EqualFold(path[0], "html"):
		return errors.New("it is a web page, perhaps Jamf's refusal of a request without a token; " + howToExport)
	}
	return fmt.Errorf("it begins with <%s> and not with <ldap_server>; %s", clip(path[0]), howToExport)
}

var errIsList = errors.New("it is the list of all LDAP servers, which has no mappings; " + howToExport + " with the ID from the list")

func readJSON(data []byte) ([]leaf, error) {
	var root map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("reading JSON: %w; %s", err, howToExport)
	}
	if _, isList := root["ldap_servers"]; isList {
		return nil, errIsList
	}
	if server, wrapped := root["ldap_server"].(map[string]any); wrapped {
		root = server
	}
	return flatten(nil, "", root, 0)
}

// flatten lists the values of an object in the order of their names.
func flatten(leaves []leaf, path string, value any, depth int) (_ []leaf, err error) {
	if depth > maxDepth {
		return nil, errors.New("reading JSON: it is nested too deeply; " + howToExport)
	}
	switch v := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if leaves, err = flatten(leaves, strings.TrimPrefix(path+"/"+name, "/"), v[name], depth+1); err != nil {
				return nil, err
			}
		}
		return leaves, nil
	case []any:
		for _, item := range v {
			if leaves, err = flatten(leaves, path, item, depth+1); err != nil {
				return nil, err
			}
		}
		return leaves, nil
	case nil:
		return append(leaves, leaf{path, ""}), nil
	case bool:
		return append(leaves, leaf{path, strconv.FormatBool(v)}), nil
	default:
		return append(leaves, leaf{path, strings.TrimSpace(fmt.Sprint(v))}), nil
	}
}
