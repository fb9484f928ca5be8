package test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// image is what the Dockerfile makes, in a folder: its root file system, and how it is
// to be run.
type image struct {
	root               string
	path, user         string
	entrypoint, cmd    []string
	health             []string
	labels             map[string]string
	ports              []string
	files              []string // all but folders, with their sizes
	bytes, programSize int64
}

// instruction is one of the Dockerfile, such as COPY.
type instruction struct{ word, rest string }

// dockerfile reads the instructions, each with its continued lines.
func dockerfile(t *testing.T) []instruction {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var steps []instruction
	plain := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(text), "")
	for line := range strings.Lines(strings.ReplaceAll(plain, "\\\n", " ")) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			steps = append(steps, instruction{word, strings.TrimSpace(rest)})
		}
	}
	return steps
}

// buildImage does what the Dockerfile says, without an engine: its commands run in a
// folder that holds what .dockerignore lets through, and its last stage is put together
// from what they leave. What cannot be had so are the files of the base image: roots
// stands in for its trusted roots. An instruction that is not known here fails the test.
func buildImage(t *testing.T, args map[string]string, roots []byte) *image {
	t.Helper()
	stages := map[string]string{} // folders by name
	img := &image{labels: map[string]string{}}
	var dir, workdir string
	for _, s := range dockerfile(t) {
		words := strings.Fields(s.rest)
		switch s.word {
		case "FROM":
			dir, workdir = t.TempDir(), "/"
			if words[len(words)-1] == "scratch" {
				img.root = dir
				break
			}
			stages[words[len(words)-1]] = dir
			writeFile(t, filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"), roots)
		case "WORKDIR":
			workdir = s.rest
		case "COPY":
			copyStep(t, words, stages, dir, workdir)
		case "RUN":
			cmd := exec.Command("sh", "-ec", strings.ReplaceAll(s.rest, " /out", " "+dir+"/out"))
			cmd.Dir = filepath.Join(dir, workdir)
			cmd.Env = cleanEnv()
			for name, value := range args {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("RUN %s: %v\n%s", s.rest, err, out)
			}
		case "ARG":
			for _, name := range words {
				if _, ok := args[name]; !ok {
					t.Errorf("the Dockerfile asks for %s, which nobody gives", name)
				}
			}
		case "LABEL":
			for _, label := range regexp.MustCompile(`(\S+)="([^"]*)"`).FindAllStringSubmatch(s.rest, -1) {
				img.labels[label[1]] = os.Expand(label[2], func(name string) string { return args[name] })
			}
		case "ENV":
			name, value, _ := strings.Cut(s.rest, "=")
			if name != "PATH" {
				t.Fatalf("this test does not know ENV %s", name)
			}
			img.path = value
		case "USER":
			img.user = s.rest
		case "EXPOSE":
			img.ports = words
		case "ENTRYPOINT":
			img.entrypoint = execForm(t, s.rest)
		case "CMD":
			img.cmd = execForm(t, s.rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(s.rest, "CMD ")
			img.health = execForm(t, command)
		default:
			t.Fatalf("this test does not know %s", s.word)
		}
	}
	img.list(t)
	return img
}

func execForm(t *testing.T, text string) []string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return words
}

// copyStep does COPY [--from=STAGE] [--chown=USER:GROUP] FROM... TO.
func copyStep(t *testing.T, words []string, stages map[string]string, dir, workdir string) {
	t.Helper()
	from, owner := contextFolder(t), -1
	for strings.HasPrefix(words[0], "--") {
		name, value, _ := strings.Cut(words[0], "=")
		switch name {
		case "--from":
			from = stages[value]
		case "--chown":
			uid, _, _ := strings.Cut(value, ":")
			n, err := strconv.Atoi(uid)
			if err != nil {
				t.Fatalf("COPY %v: %v", words, err)
			}
			owner = n
		default:
			t.Fatalf("this test does not know COPY %s", name)
		}
		words = words[1:]
	}
	to := words[len(words)-1]
	for _, name := range words[:len(words)-1] {
		target := filepath.Join(dir, to)
		if !path.IsAbs(to) {
			target = filepath.Join(dir, workdir, to)
		}
		if strings.HasSuffix(to, "/") {
			target = filepath.Join(target, path.Base(name))
		}
		copyTree(t, filepath.Join(from, name), target)
		if owner >= 0 && os.Geteuid() == 0 {
			if err := os.Chown(target, owner, owner); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// copyTree copies a file or a folder, readable for all as a build finds a checkout.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(name, from)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		writeFile(t, target, text)
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(target, info.Mode().Perm()|0o444)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// contextFolder is a copy of what the build gets to see: the checkout without what
// .dockerignore keeps out.
func contextFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range buildContext(t) {
		copyTree(t, filepath.Join("..", name), filepath.Join(dir, name))
	}
	return dir
}

// buildContext lists the files that .dockerignore lets through. The last pattern that
// fits a file, or a folder that it is in, decides.
func buildContext(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, line)
		}
	}
	var files []string
	err = filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		name = filepath.ToSlash(strings.TrimPrefix(name, "../"))
		if !ignored(name, patterns) {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func ignored(name string, patterns []string) bool {
	out := false
	for _, p := range patterns {
		pattern, in := strings.CutPrefix(p, "!")
		for at := name; at != "."; at = path.Dir(at) {
			deep, anywhere := strings.CutPrefix(pattern, "**/")
			fits, _ := path.Match(pattern, at)
			if anywhere {
				fits, _ = path.Match(deep, path.Base(at))
			}
			if fits {
				out = !in
			}
		}
	}
	return out
}

// list notes what is in the image.
func (img *image) list(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(img.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			return err
		}
		in := strings.TrimPrefix(name, img.root)
		img.files = append(img.files, in)
		img.bytes += info.Size()
		if path.Base(in) == "jamf-ldap-proxy" {
			img.programSize = info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// buildArgs are the arguments that the Dockerfile asks for, as `docker build` gives them on
// this machine.
var buildArgs = map[string]string{
	"VERSION": "v9.8.7", "REVISION": "0123456789abcdef", "TARGETOS": "linux", "TARGETARCH": runtime.GOARCH,
}
