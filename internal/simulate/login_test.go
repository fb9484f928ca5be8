package simulate_test

import (
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

func (r *rig) login(j *simulate.Jamf, name, password string) *simulate.Answer {
	r.Helper()
	return r.good(j.Login(r.ctx(), name, secret.New([]byte(password))))
}

func TestLogin(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.login(r.jamf(), "jon.snow", directory.SamplePassword)
	if a.Login == nil || !a.Login.Accepted || a.Login.DN != "uid=jon.snow,"+base {
		t.Errorf("login %+v", a.Login)
	}
	r.noProblem(a)
	var steps []string
	for _, s := range a.Steps {
		steps = append(steps, s.Op+" "+s.Base)
	}
	want := []string{"bind " + accountDN, "search " + base, "bind uid=jon.snow," + base}
	if strings.Join(steps, "\n") != strings.Join(want, "\n") {
		t.Errorf("steps %q", steps)
	}
}

func TestLoginRefused(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.login(r.jamf(), "jon.snow", "wrong")
	if a.Login == nil || a.Login.Accepted {
		t.Errorf("login %+v", a.Login)
	}
	if p := r.problem(a, "The password is wrong, or the account is locked or suspended (invalidCredentials, 49)"); strings.Contains(p.Try, "Distinguished Username") {
		t.Errorf("it is not Jamf's account that is wrong: %s", p.Try)
	}
	a = r.login(r.jamf(), "jon.snow", "")
	if a.Login == nil || a.Login.Accepted {
		t.Errorf("an empty password logs in: %+v", a.Login)
	}
	a = r.login(r.jamf(), "nobody", directory.SamplePassword)
	if a.Login != nil || len(a.Steps) != 2 {
		t.Errorf("somebody unknown logs in: %+v", a)
	}
	a = r.login(r.jamf(as(accountDN, "wrong")), "jon.snow", directory.SamplePassword)
	if a.Login != nil {
		t.Errorf("login %+v", a.Login)
	}
	r.problem(a, "The password is wrong, or there is no user with this DN")
}
