package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// workflow is what the tests look at in a file of .github/workflows.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Uses    string
		Timeout int `yaml:"timeout-minutes"`
		Steps   []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

var (
	usesLine = regexp.MustCompile(`(?m)^\s*(?:- )?uses: *(.*)$`)
	pinned   = regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// readWorkflows returns every workflow with its text.
func readWorkflows(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../.github/workflows/*")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d workflows, error %v", len(files), err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[filepath.Base(file)] = textOf(t, file)
	}
	return texts
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWorkflowsArePinned: what runs with our token is named by the hash of its contents,
// one for each action, with the version that Dependabot keeps beside it.
func TestWorkflowsArePinned(t *testing.T) {
	t.Parallel()
	hashes := map[string]string{}
	for name, text := range readWorkflows(t) {
		for _, m := range usesLine.FindAllStringSubmatch(text, -1) {
			action := m[1]
			if local, ok := strings.CutPrefix(action, "./"); ok {
				textOf(t, filepath.Join("..", local))
				continue
			}
			if !pinned.MatchString(action) {
				t.Errorf("%s uses %s: not pinned to a commit with its version behind it", name, action)
				continue
			}
			which, hash, _ := strings.Cut(action, "@")
			if before, ok := hashes[which]; ok && before != hash {
				t.Errorf("%s uses %s at %s, another one at %s", name, which, hash, before)
			}
			hashes[which] = hash
		}
	}
}

// TestWorkflowsAreBounded: the token may read at most unless a job says what for, no job
// runs for ever, and no checkout leaves the token on disk.
func TestWorkflowsAreBounded(t *testing.T) {
	t.Parallel()
	for name, text := range readWorkflows(t) {
		var w workflow
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s has the permissions %v, want contents: read alone", name, w.Permissions)
		}
		if len(w.Jobs) == 0 {
			t.Errorf("%s has no jobs", name)
		}
		for job, j := range w.Jobs {
			if j.Uses == "" && (j.Timeout < 1 || j.Timeout > 120 || len(j.Steps) == 0) {
				t.Errorf("%s: job %s has %d steps and a time limit of %d minutes", name, job, len(j.Steps), j.Timeout)
			}
			for _, s := range j.Steps {
				if keeps, said := s.With["persist-credentials"]; strings.HasPrefix(s.Uses, "actions/checkout@") && (!said || keeps != false) {
					t.Errorf("%s: job %s leaves its token in the checkout", name, job)
				}
			}
		}
	}
}

// TestWorkflowsRunWhatThereIs: a step runs a target of the Makefile or a script of the
// repository, so that it can be run anywhere else too.
func TestWorkflowsRunWhatThereIs(t *testing.T) {
	t.Parallel()
	setup := []string{"apt-get ", "git config "}
	targets := makeTargets(t)
	ran := 0
	for name, text := range readWorkflows(t) {
		var w workflow
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, j := range w.Jobs {
			for _, s := range j.Steps {
				target, isMake := strings.CutPrefix(s.Run, "make ")
				script, isScript := strings.CutPrefix(s.Run, "bash ")
				switch {
				case s.Run == "":
				case isMake && slices.Contains(targets, target):
					ran++
				case isScript && !strings.Contains(script, " "):
					textOf(t, filepath.Join("..", script))
					ran++
				case !slices.ContainsFunc(setup, func(prefix string) bool { return strings.HasPrefix(s.Run, prefix) }):
					t.Errorf("%s runs %q, which is no target of the Makefile and no script", name, s.Run)
				}
			}
		}
	}
	if ran < 5 {
		t.Errorf("only %d steps run anything", ran)
	}
}

func makeTargets(t *testing.T) []string {
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(textOf(t, "../Makefile"), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// TestToolsHaveOneVersion: a tool that the Makefile and test/run both use is the same.
func TestToolsHaveOneVersion(t *testing.T) {
	t.Parallel()
	versions := map[string]string{}
	for _, file := range []string{"../Makefile", "run"} {
		for _, m := range regexp.MustCompile(`([\w./-]+/cmd/[\w-]+)@(\S+)`).FindAllStringSubmatch(textOf(t, file), -1) {
			if before, ok := versions[m[1]]; ok && before != m[2] {
				t.Errorf("%s is used as %s and as %s", m[1], before, m[2])
			}
			if !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(m[2]) {
				t.Errorf("%s is used as %s", m[1], m[2])
			}
			versions[m[1]] = m[2]
		}
	}
	if len(versions) < 3 {
		t.Errorf("tools: %v", versions)
	}
}

// TestFormsAreRead: GitHub shows a form only when it is YAML with these parts, and every
// question of it has a place in the answer.
func TestFormsAreRead(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yml")
	forms := 0
	for _, file := range files {
		var form struct {
			Name, Description string
			Body              []struct {
				Type, ID   string
				Attributes struct{ Label, Value string }
			}
		}
		if filepath.Base(file) == "config.yml" {
			continue
		}
		if err := yaml.Unmarshal([]byte(textOf(t, file)), &form); err != nil || form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s: error %v, %+v", file, err, form)
		}
		var ids []string
		for _, part := range form.Body {
			switch {
			case part.Type == "markdown" && part.Attributes.Value != "":
			case slices.Contains([]string{"input", "textarea"}, part.Type) && part.ID != "" && part.Attributes.Label != "" && !slices.Contains(ids, part.ID):
				ids = append(ids, part.ID)
			default:
				t.Errorf("%s: odd part %+v", file, part)
			}
		}
		forms++
	}
	if forms < 2 {
		t.Errorf("%d forms", forms)
	}
}
