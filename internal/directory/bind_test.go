package directory

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

func TestBind(t *testing.T) {
	d := start(t, Config{})
	tests := []struct {
		title, name, password string
		code                  uint16
		text                  string
	}{
		{"right password", adminDN, SamplePassword, 0, ""},
		{"user without search rights", personDN, SamplePassword, 0, ""},
		{"other case and spaces", "UID=Jamf.LDAP, OU=users,o=5f0e1d2c3b4a59687766554a,dc=JumpCloud,dc=com", SamplePassword, 0, ""},
		{"wrong password", adminDN, "wrong", 49, ""},
		{"unknown user", "uid=nobody," + SampleBase, SamplePassword, 49, ""},
		{"entry without password", "cn=got," + SampleBase, SamplePassword, 49, ""},
		{"foreign tree", "cn=x,dc=example,dc=com", SamplePassword, 49, ""},
		{"no DN", "jon.snow", SamplePassword, 34, "invalid DN"},
		{"anonymous", "", "", 48, "anonymous bind disallowed"},
		{"unauthenticated", adminDN, "", 53, "unauthenticated bind (DN with no password) disallowed"},
		{"password without DN", "", SamplePassword, 49, ""},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			_, err := dial(t, d.Addr()).SimpleBind(&goldap.SimpleBindRequest{
				Username: tt.name, Password: tt.password, AllowEmptyPassword: true,
			})
			wantCode(t, err, tt.code, tt.text)
		})
	}
}

func TestBindThatFailsLeavesTheSessionAnonymous(t *testing.T) {
	d := start(t, Config{})
	conn := bound(t, d.Addr(), adminDN)
	wantCode(t, conn.Bind(adminDN, "wrong"), 49, "")
	_, err := conn.Search(request("(uid=jon.snow)"))
	wantCode(t, err, 50, "")
	wantCode(t, conn.Bind(adminDN, SamplePassword), 0, "")
	_, err = conn.Search(request("(uid=jon.snow)"))
	wantCode(t, err, 0, "")
}

func TestBindAnswersThePasswordPolicyControl(t *testing.T) {
	d := start(t, Config{})
	conn := dial(t, d.Addr())
	for _, password := range []string{SamplePassword, "wrong"} {
		res, err := conn.SimpleBind(&goldap.SimpleBindRequest{
			Username: adminDN, Password: password,
			Controls: []goldap.Control{goldap.NewControlBeheraPasswordPolicy()},
		})
		if password == SamplePassword && err != nil {
			t.Fatal(err)
		}
		if goldap.FindControl(res.Controls, goldap.ControlTypeBeheraPasswordPolicy) == nil {
			t.Errorf("no password policy control in the answer to password %q", password)
		}
	}
}

func TestSASLBindIsRefusedAndTheConnectionLives(t *testing.T) {
	d := start(t, Config{})
	conn := dial(t, d.Addr())
	wantCode(t, conn.ExternalBind(), 7, "")
	wantCode(t, conn.Bind(adminDN, SamplePassword), 0, "")
}
