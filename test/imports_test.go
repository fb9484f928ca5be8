package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the import graph of docs/architecture.md: what each package of
// ours may import of ours. cmd, bench, soak and test may import anything.
var mayImport = map[string][]string{
	"internal/ber":       {},
	"internal/bytesize":  {},
	"internal/lookup":    {},
	"internal/certs":     {"internal/ldap", "internal/lookup"},
	"internal/doctor":    {"internal/certs", "internal/config", "internal/discovery", "internal/ldap", "internal/lookup", "internal/secret", "internal/simulate", "internal/upstream", "proxy", "rewrite"},
	"internal/secret":    {},
	"configs":            {},
	"internal/ldif":      {},
	"internal/directory": {"internal/ldif"}, // shares no code with the codec it is to check
	"internal/ldap":      {"internal/ber"},
	"internal/cache":     {"internal/ldap", "internal/ber", "internal/bytesize"},
	"rewrite":            {"internal/ldap", "internal/ber"},
	"internal/upstream":  {"internal/ldap", "internal/ber", "internal/secret", "internal/bytesize"},
	"proxy":              {"rewrite", "internal/cache", "internal/upstream", "internal/lookup", "internal/secret", "internal/ldap", "internal/ber", "internal/bytesize"},
	"internal/logging":   {"internal/lookup"},
	"internal/metrics":   {"internal/lookup"},
	"internal/journal":   {"internal/lookup", "internal/bytesize"},
	"internal/explain":   {"rewrite", "internal/ldif", "internal/ldap", "internal/ber"},
	"internal/simulate":  {"internal/secret", "internal/lookup", "internal/ldap", "internal/ber"}, // the wire is go-ldap's, but for two shapes
	"internal/jamf":      {"internal/simulate", "internal/lookup", "internal/ldap"},
	"internal/dial":      {"internal/certs", "internal/ldap"},
	"internal/replay":    {"internal/dial", "internal/lookup", "internal/secret", "internal/ldap"}, // the wire is go-ldap's
	"internal/web":       {"rewrite", "internal/explain", "internal/journal", "internal/ldap", "internal/lookup", "internal/secret", "internal/simulate"},
	"internal/discovery": {"rewrite", "internal/upstream", "internal/ldap", "internal/ber"},
	"internal/config":    {"proxy", "rewrite", "internal/cache", "internal/journal", "internal/upstream", "internal/secret", "internal/bytesize", "configs"},
}

func TestImportsGoOneWay(t *testing.T) {
	const module = "jamf-ldap-proxy/"
	noteSources()
	list := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("asking go list: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "bench" || name == "soak" || name == "test" || strings.HasPrefix(name, "test/") || strings.HasPrefix(name, "cmd/") {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the import graph: add it there and in docs/architecture.md", name)
		}
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the import graph does not allow", name, ours)
			}
		}
	}
}
