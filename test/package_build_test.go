package test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// release is what one run of the release makes of a source tree, as
// .goreleaser.yaml says: the binary, and packages built by nfpm alone, because
// building goreleaser takes longer than everything else here.
type release struct{ binary, deb, rpm string }

// commitTime stands for the time of the commit.
var commitTime = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// buildRelease builds a version from the source tree at source.
func buildRelease(t *testing.T, source, version string) release {
	t.Helper()
	out := t.TempDir()
	r := release{filepath.Join(out, "jamf-ldap-proxy"), filepath.Join(out, "package.deb"), filepath.Join(out, "package.rpm")}
	definition := goreleaserYAML(t, source, version)
	build := definition["builds"].([]any)[0].(yamlMap)
	args := []string{"build", "-o", r.binary, "-buildvcs=false"} // copies of the tree have no history
	args = append(args, words(build["flags"])...)
	args = append(args, "-ldflags="+strings.Join(words(build["ldflags"]), " "), build["main"].(string))
	runIn(t, source, words(build["env"]), "go", args...)
	runIn(t, source, nil, "deploy/packages/generate", "generated", r.binary)

	config := filepath.Join(out, "nfpm.yaml")
	text, err := yaml.Marshal(nfpmOf(definition["nfpms"].([]any)[0].(yamlMap), r.binary, version))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for format, target := range map[string]string{"deb": r.deb, "rpm": r.rpm} {
		runIn(t, source, nil, "nfpm", "package", "--config", config, "--packager", format, "--target", target)
	}
	return r
}

// goreleaserYAML reads .goreleaser.yaml with its templates filled in.
func goreleaserYAML(t *testing.T, source, version string) yamlMap {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer(
		"{{ .Version }}", version,
		"{{ .CommitDate }}", commitTime.Format(time.RFC3339),
	).Replace(string(text))
	var definition yamlMap
	if err := yaml.Unmarshal([]byte(filled), &definition); err != nil {
		t.Fatal(err)
	}
	return definition
}

// nfpmOf is a packages section of goreleaser as a configuration of nfpm. They have
// the same keys but for these.
func nfpmOf(section yamlMap, binary, version string) yamlMap {
	renamed := func(from yamlMap) yamlMap {
		to := yamlMap{}
		for k, v := range from {
			switch k {
			case "package_name":
				to["name"] = v
			case "dependencies":
				to["depends"] = v
			case "formats", "bindir", "file_name_template":
			default:
				to[k] = v
			}
		}
		return to
	}
	config := renamed(section)
	config["arch"], config["platform"], config["version"] = runtime.GOARCH, "linux", version
	overrides := yamlMap{}
	for format, override := range section["overrides"].(yamlMap) {
		overrides[format] = renamed(override.(yamlMap))
	}
	config["overrides"] = overrides
	config["contents"] = append(section["contents"].([]any), yamlMap{
		"src": binary, "dst": section["bindir"].(string) + "/jamf-ldap-proxy",
		"file_info": yamlMap{"mode": 0o755},
	})
	return config
}

func words(list any) []string {
	var texts []string
	for _, item := range list.([]any) {
		texts = append(texts, item.(string))
	}
	return texts
}

// runIn runs a command that has to succeed, and returns what it printed.
func runIn(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copyOfSource copies what a release is built from, which is at from, into a folder
// where every file is as old as the copy and has rights as a careless umask gives
// them.
func copyOfSource(t *testing.T, from, folder string) string {
	t.Helper()
	noteSources()
	to := filepath.Join(t.TempDir(), folder)
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, _ := filepath.Rel(from, path)
		switch inside {
		case ".git", "test", "bench", "dist", "generated", "man":
			return fs.SkipDir
		}
		target := filepath.Join(to, inside)
		if d.IsDir() {
			return os.MkdirAll(target, 0o777)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm()|0o060)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// sameAs compares two builds file by file.
func (r release) sameAs(t *testing.T, other release) {
	t.Helper()
	for _, pair := range [][2]string{{r.binary, other.binary}, {r.deb, other.deb}, {r.rpm, other.rpm}} {
		if a, b := sum(t, pair[0]), sum(t, pair[1]); a != b {
			t.Errorf("%s: built twice from the same source it has the sums %s and %s", filepath.Base(pair[0]), a, b)
		}
	}
}

func sum(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
