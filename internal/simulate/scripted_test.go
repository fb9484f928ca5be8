package simulate_test

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/simulate"
)

// scripted is a Jamf whose server takes every bind, answers each search with so
// many users and then the result, and hangs up instead of it when code is < 0.
func scripted(t *testing.T, users int, code ldap.ResultCode) *simulate.Jamf {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		for framer := ldap.NewFramer(server); ; {
			frame, err := framer.Next(1<<20, nil)
			if err != nil {
				return
			}
			m, err := ldap.ParseMessage(slices.Clone(frame))
			if err != nil || m.Op == ldap.OpUnbindRequest {
				return
			}
			result := ldap.Result{Diagnostic: "said the server"}
			if m.Op == ldap.OpSearchRequest {
				for i := range users {
					entry := ber.Append(nil, ber.OctetString, "uid=u"+strconv.Itoa(i)+","+base)
					entry, list := ber.Begin(entry, ber.Sequence, 0)
					entry = ber.End(entry, list, 0)
					if _, err := server.Write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, entry, nil)); err != nil {
						return
					}
				}
				if code < 0 {
					return
				}
				result.Code = code
			}
			if _, err := server.Write(ldap.AppendResult(nil, m.ID, ldap.ResponseOp(m.Op), &result, nil)); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = client.Close(); <-done })
	j := &simulate.Jamf{Dial: func(context.Context) (net.Conn, error) { return client, nil }, Mappings: simulate.Default(base)}
	as(accountDN, "x")(j)
	return j
}

func TestServerIgnoresTheSizeLimit(t *testing.T) {
	a, err := scripted(t, 500, ldap.Success).User(context.Background(), "u")
	if err != nil || len(a.Users) != 100 || len(a.Steps) != 2 || a.Steps[1].ResultName != "sizeLimitExceeded" {
		t.Fatalf("error %v, %d users, steps %+v", err, len(a.Users), a.Steps)
	}
	if !slices.ContainsFunc(a.Problems, func(p simulate.Problem) bool { return strings.HasPrefix(p.What, "Only the first 100") }) {
		t.Errorf("problems %+v", a.Problems)
	}
}

// Entries without any attribute are known by their DN.
func TestMissingUUIDs(t *testing.T) {
	a, err := scripted(t, 1, ldap.Success).User(context.Background(), "u")
	if err != nil {
		t.Fatal(err)
	}
	want := simulate.Problem{What: "uid=u0," + base + " has no entryUUID (User UUID).", Try: `Map "User UUID" to an attribute that every user has, such as uidNumber.`}
	if !slices.Contains(a.Problems, want) {
		t.Errorf("problems %+v", a.Problems)
	}
	a, err = scripted(t, 1, ldap.Success).Group(context.Background(), "u")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(a.Problems, func(p simulate.Problem) bool { return strings.Contains(p.Try, "groups.stable_uuid: true") }) {
		t.Errorf("problems %+v", a.Problems)
	}
}

// A result without a meaning of its own still ends the question with what was said.
func TestOtherResults(t *testing.T) {
	for code, what := range map[ldap.ResultCode]string{
		ldap.OtherError:         "The search is refused (other, 80): said the server",
		123:                     "The search is refused (code123, 123): said the server",
		ldap.AdminLimitExceeded: "The request is larger than the server allows (adminLimitExceeded, 11): said the server",
		ldap.TimeLimitExceeded:  "The directory did not finish in time (timeLimitExceeded, 3): said the server",
		ldap.Busy:               "There are too many lookups at a time (busy, 51): said the server",
	} {
		a, err := scripted(t, 1, code).Membership(context.Background(), "u", "g")
		if err != nil || len(a.Problems) != 1 || a.Problems[0].What != what || a.Problems[0].Try == "" || len(a.Steps) != 2 {
			t.Errorf("%d: error %v, problems %+v, %d steps", code, err, a.Problems, len(a.Steps))
		}
	}
}

// What was learned before the connection broke is in the answer.
func TestConnectionBreaksDuringASearch(t *testing.T) {
	a, err := scripted(t, 1, -1).Membership(context.Background(), "u", "g")
	if err == nil || !strings.HasPrefix(err.Error(), "waiting for the answer to the search: ") {
		t.Errorf("error %v", err)
	}
	if len(a.Steps) != 2 || a.Steps[0].Result != 0 || a.Steps[1].Result != simulate.NoResult || a.Steps[1].ResultName != "" || a.Membership != nil {
		t.Errorf("steps %+v", a.Steps)
	}
}
