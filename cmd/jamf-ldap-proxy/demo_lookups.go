package main

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
)

const demoBindDN = "uid=jamf.ldap," + directory.SampleBase

// demoLookup is one of Jamf's questions.
type demoLookup struct {
	title, filter string
	attrs         []string
}

var demoLookups = []demoLookup{
	{"1. A user, as Jamf looks it up", "(&(objectClass=inetOrgPerson)(uid=jon.snow))", []string{"uid", "cn", "mail"}},
	{"2. A group in the old vocabulary, with the group ID that groupOfNames does not have at JumpCloud",
		"(&(objectClass=groupOfNames)(cn=gameOfThrones))", []string{"cn", "gidNumber", "member"}},
	{"3. Membership: the groups of one user",
		"(&(objectClass=groupOfNames)(member=uid=heisenberg," + directory.SampleBase + "))", []string{"cn", "gidNumber"}},
}

// showDemo prints each lookup as a command together with the answer that the
// running proxy gives to it now.
func showDemo(ctx context.Context, out output, svc *service, certFile string) error {
	plain, secure := svc.state().listeners[0].Addr().String(), svc.state().listeners[1].Addr().String()
	paint := newPainter(out)
	fmt.Fprintf(out, "%s\n\n", paint.bold("jamf-ldap-proxy demo"))
	fmt.Fprintf(out, "  sample directory  ldap://%s  (shaped like JumpCloud's: two entries per group, no anonymous access)\n",
		strings.TrimPrefix(svc.state().cfg.Upstream.Servers[0], "ldap://"))
	fmt.Fprintf(out, "  proxy             ldap://%s   ldaps://%s\n", plain, secure)
	fmt.Fprintf(out, "  page              %s  (every lookup, live, with its explanation)\n", paint.bold("http://"+svc.webAddr.String()))

	conn, err := goldap.DialURL("ldap://" + plain)
	if err != nil {
		return fmt.Errorf("connecting to the proxy: %w", err)
	}
	defer conn.Close()
	if err := conn.Bind(demoBindDN, directory.SamplePassword); err != nil {
		return fmt.Errorf("binding through the proxy: %w", err)
	}
	for _, l := range demoLookups {
		if ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(out, "\n%s\n\n%s\n\n", paint.bold(l.title), l.command("ldap://"+plain))
		if err := l.answer(out, conn, paint); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nThe same over TLS: LDAPTLS_CACERT=%s ldapsearch -H ldaps://127.0.0.1:%s ...\n", certFile, portOf(secure))
	return nil
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// command is the lookup as a shell command.
func (l demoLookup) command(url string) string {
	return fmt.Sprintf("  ldapsearch -x -LLL -o ldif-wrap=no -H %s \\\n    -D %s -w '%s' \\\n    -b %s \\\n    '%s' %s",
		url, demoBindDN, directory.SamplePassword, directory.SampleBase, l.filter, strings.Join(l.attrs, " "))
}

// answer asks the proxy and prints what ldapsearch would.
func (l demoLookup) answer(out io.Writer, conn *goldap.Conn, paint painter) error {
	res, err := conn.Search(goldap.NewSearchRequest(directory.SampleBase, goldap.ScopeWholeSubtree,
		goldap.NeverDerefAliases, 0, 0, false, l.filter, l.attrs, nil))
	if err != nil {
		return fmt.Errorf("asking %s: %w", l.filter, err)
	}
	sort.Slice(res.Entries, func(i, j int) bool { return res.Entries[i].DN < res.Entries[j].DN })
	for i, e := range res.Entries {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "    %s\n", paint.answer("dn: "+e.DN))
		for _, name := range l.attrs {
			for _, v := range e.GetAttributeValues(name) {
				fmt.Fprintf(out, "    %s\n", paint.answer(name+": "+v))
			}
		}
	}
	return nil
}
