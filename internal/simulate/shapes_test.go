package simulate_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

// both asks through the proxy and past it.
func (r *rig) both(o simulate.Shapes) *simulate.ShapeTable {
	r.Helper()
	o.Direct, o.Proxy = r.jamf(r.direct), r.jamf()
	t, err := o.Ask(r.ctx())
	if err != nil {
		r.Fatal(err)
	}
	return t
}

// verdicts are what the rows say, those of one name under it.
func verdicts(t *simulate.ShapeTable) map[string]simulate.Verdict {
	m := map[string]simulate.Verdict{}
	for _, row := range t.Rows {
		m[row.Name] = row.Verdict
	}
	return m
}

func TestAllShapesThroughTheProxy(t *testing.T) {
	for _, mode := range []rewrite.Mode{rewrite.ModePosix, rewrite.ModeMerge} {
		t.Run(string(mode), func(t *testing.T) {
			r := start(t, mode)
			table := r.both(simulate.Shapes{
				User: "jon.snow", Group: "gameOfThrones", Password: secret.New([]byte(directory.SamplePassword)), Bridges: true,
			})
			if !table.Member || table.Failed() != 0 {
				t.Errorf("member %v, %d failed", table.Member, table.Failed())
			}
			numbers := map[int]bool{}
			for _, row := range table.Rows {
				numbers[row.Number] = true
				if row.Verdict != simulate.Works && row.Verdict != simulate.OnlyProxy {
					t.Errorf("%d %s: %s, directly %+v, through the proxy %+v", row.Number, row.Name, row.Verdict, row.Direct, row.Proxy)
				}
			}
			if len(numbers) != 25 {
				t.Errorf("%d of 25 shapes are asked", len(numbers))
			}
			// What the proxy is for, and what a directory can do by itself.
			got := verdicts(table)
			for _, name := range []string{"group by name, with its ID", "group by its ID", "compare with a username", "member of the group, by username", "users, search box empty"} {
				if got[name] != simulate.OnlyProxy {
					t.Errorf("%s: %s", name, got[name])
				}
			}
			for _, name := range []string{"bind of Jamf's account", "user by name", "member of the group, by DN", "abandon a search, and go on", "record of the Linux group"} {
				if got[name] != simulate.Works {
					t.Errorf("%s: %s", name, got[name])
				}
			}
		})
	}
}

// Who is not a member is one nowhere.
func TestAllShapesOfANonMember(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	table := r.both(simulate.Shapes{User: "heisenberg", Group: "gameOfThrones", Bridges: true})
	if table.Member || table.Failed() != 0 {
		t.Errorf("member %v, rows %+v", table.Member, table.Rows)
	}
	for _, row := range table.Rows {
		if strings.HasPrefix(row.Name, "compare") && row.Proxy.Said != "no" && row.Proxy.Said != "0 entries" {
			t.Errorf("%s: %s", row.Name, row.Proxy.Said)
		}
		if row.Number == 2 && row.Verdict != simulate.PassedOver {
			t.Errorf("%s without a password: %s", row.Name, row.Verdict)
		}
	}
}

// Without names the first group that has members, and one of them, are taken.
func TestAllShapesChoose(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	table := r.both(simulate.Shapes{Bridges: true})
	if table.Group != "Night's Watch (Wall)" || table.User == "" || !table.Member || table.Failed() != 0 {
		t.Errorf("%s in %s: %v, %d failed", table.User, table.Group, table.Member, table.Failed())
	}
	table = r.both(simulate.Shapes{Group: "gameOfThrones", Bridges: true})
	if table.Group != "gameOfThrones" || !table.Member {
		t.Errorf("%s in %s: %v", table.User, table.Group, table.Member)
	}
}

// In mode off the proxy is not to blame for what the directory cannot do.
func TestAllShapesInModeOff(t *testing.T) {
	r := start(t, rewrite.ModeOff)
	table := r.both(simulate.Shapes{User: "jon.snow", Group: "gameOfThrones"})
	if got := verdicts(table); table.Failed() != 0 || got["group by its ID"] != simulate.AsDirect || got["user by name"] != simulate.Works {
		t.Errorf("%+v", got)
	}
	if table = r.both(simulate.Shapes{User: "jon.snow", Group: "gameOfThrones", Bridges: true}); table.Failed() == 0 {
		t.Error("nothing fails where the proxy should bridge and does not")
	}
}

// A group without a Linux group has no ID in mode merge, and Jamf cannot ask for it.
func TestAllShapesOfAGroupWithoutID(t *testing.T) {
	r := start(t, rewrite.ModeMerge)
	table := r.both(simulate.Shapes{Group: "CarWash", Bridges: true})
	got := verdicts(table)
	if got["group by name, with its ID"] != simulate.Fails || got["group by its ID"] != simulate.Fails || got["record of the Linux group"] != simulate.PassedOver {
		t.Errorf("%+v", got)
	}
}

func TestAllShapesOfOneSide(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	table, err := (&simulate.Shapes{Direct: r.jamf(r.direct), User: "jon.snow", Group: "gameOfThrones"}).Ask(r.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if row := table.Rows[0]; row.Proxy != nil || row.Direct == nil || row.Verdict != simulate.Works || table.Failed() != 0 {
		t.Errorf("%+v", row)
	}
}

func TestAllShapesNeedSomebody(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	ask := func(o simulate.Shapes) error {
		_, err := o.Ask(r.ctx())
		return err
	}
	if err := ask(simulate.Shapes{Proxy: r.jamf(), Group: "nonesuch"}); !errors.Is(err, simulate.ErrNoSample) || !strings.Contains(err.Error(), "(cn=nonesuch)") {
		t.Errorf("unknown group: %v", err)
	}
	if err := ask(simulate.Shapes{Proxy: r.jamf(), User: "nobody"}); !errors.Is(err, simulate.ErrNoSample) {
		t.Errorf("unknown user: %v", err)
	}
	wrong := r.jamf(as(accountDN, "wrong"))
	if err := ask(simulate.Shapes{Proxy: wrong}); err == nil || !strings.Contains(err.Error(), "invalidCredentials (49)") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	if err := ask(simulate.Shapes{}); err == nil {
		t.Error("no server is no error")
	}
	closed := r.jamf(func(j *simulate.Jamf) {
		j.Dial = func(context.Context) (net.Conn, error) { return nil, errors.New("nobody there") }
	})
	if err := ask(simulate.Shapes{Proxy: closed}); err == nil || !strings.Contains(err.Error(), "nobody there") {
		t.Errorf("no connection: %v", err)
	}
}
