package test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/doctor"
)

const doctorDocument = "../docs/doctor.md"

// TestDoctorDocumentNamesEveryCheck, no other, and in their order.
func TestDoctorDocumentNamesEveryCheck(t *testing.T) {
	text, err := os.ReadFile(doctorDocument)
	if err != nil {
		t.Fatal(err)
	}
	var written, made []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		written = append(written, row[1])
	}
	for _, c := range doctor.Checks() {
		made = append(made, c.ID)
	}
	if !slices.Equal(written, made) {
		t.Errorf("the document has\n%s\nthe code\n%s", strings.Join(written, " "), strings.Join(made, " "))
	}
}

var doctorRun = regexp.MustCompile("(?s)```console\n\\$ jamf-ldap-proxy doctor --config proxy.yaml\n(.*?)```")

// TestDoctorInDocument holds the run that is shown against a real one: somebody
// who forgot to tick "Enable as LDAP Bind DN".
func TestDoctorInDocument(t *testing.T) {
	t.Parallel()
	v := visit{servers: []string{embedded(t).url()}, listeners: []yamlMap{{"address": free(t)}}}
	cmd := exec.Command(plainBinary(t), "doctor", "--config", v.config(t), "--dn", userDN("jon.snow"))
	cmd.Env = append(cleanEnv(), "JAMF_LDAP_PROXY_PASSWORD="+password)
	out, _ := cmd.Output() // it has to fail
	real := regexp.MustCompile(`(in|after) [0-9.]+(µs|ms|s)\b`).ReplaceAllString(string(out), "$1 4ms")
	real = strings.ReplaceAll(real, v.listeners[0]["address"].(string), "127.0.0.1:1636")
	real = regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`).ReplaceAllStringFunc(real, func(a string) string {
		if a == "127.0.0.1:1636" {
			return a
		}
		return "127.0.0.1:389"
	})
	real = regexp.MustCompile(`--config \S*proxy\.yaml`).ReplaceAllString(real, "--config proxy.yaml")
	text, err := os.ReadFile(doctorDocument)
	if err != nil {
		t.Fatal(err)
	}
	shown := doctorRun.FindStringSubmatch(string(text))
	switch {
	case shown == nil:
		t.Error("the document shows no run")
	case *update:
		changed := strings.Replace(string(text), shown[0], strings.TrimSuffix(shown[0], shown[1]+"```")+real+"```", 1)
		if err := os.WriteFile(doctorDocument, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	case shown[1] != real:
		t.Errorf("the document shows\n%s\nreal is\n%s", shown[1], real)
	}
}

// TestDocumentsNameChecksThatExist, wherever they send somebody to one.
func TestDocumentsNameChecksThatExist(t *testing.T) {
	var all []string
	for _, c := range doctor.Checks() {
		all = append(all, c.ID)
	}
	found := 0
	named := regexp.MustCompile("[Cc]hecks?:? ((?:`[a-z-]+`(?:, | and )?)+)")
	for file, text := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			for _, id := range regexp.MustCompile("[a-z][a-z-]+[a-z]").FindAllString(strings.ReplaceAll(m[1], " and ", " "), -1) {
				if found++; !slices.Contains(all, id) {
					t.Errorf("%s names a check %s, which is not there", file, id)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no document names a check")
	}
}
