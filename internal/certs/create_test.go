package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

const days = 24 * time.Hour

func request(dir string, names ...string) certs.Request {
	return certs.Request{Dir: dir, Names: names, Valid: certs.DefaultDays * days, Now: time.Now()}
}

func create(t *testing.T, r certs.Request) *certs.Made {
	t.Helper()
	made, err := certs.Create(r)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// chain is what the files of a folder hold, verified for a name by its ca.pem.
func chain(t *testing.T, dir, name string) []*x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "proxy.pem"), filepath.Join(dir, "proxy.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(dir, "ca.pem")))) {
		t.Fatal("ca.pem holds nothing")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
		t.Errorf("for %s: %v", name, err)
	}
	var all []*x509.Certificate
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestCreate(t *testing.T) {
	authorities := map[string]bool{}
	long := strings.Repeat("a23456789.", 10) + "example.com"
	for _, tc := range []struct {
		given, names []string
		rsa          bool
	}{
		{given: []string{"proxy.example.com"}, names: []string{"proxy.example.com"}},
		{given: []string{" Proxy.Example.COM. ", "proxy", "10.0.0.5", "2001:db8::1", "::ffff:192.0.2.1", "proxy"},
			names: []string{"proxy.example.com", "proxy", "10.0.0.5", "2001:db8::1", "192.0.2.1"}},
		{given: []string{"10.0.0.5"}, names: []string{"10.0.0.5"}},
		{given: []string{long, "xn--mller-kva.example"}, names: []string{long, "xn--mller-kva.example"}},
		{given: []string{"localhost", "127.0.0.1"}, names: []string{"localhost", "127.0.0.1"}, rsa: true},
	} {
		r := request(t.TempDir(), tc.given...)
		r.RSA = tc.rsa
		made := create(t, r)
		if subject := made.Authority.Subject.String(); authorities[subject] {
			t.Errorf("two authorities are named %s", subject)
		} else {
			authorities[subject] = true
		}
		if !made.NewAuthority || made.Renewed || len(made.Warnings) > 0 {
			t.Errorf("%q: %+v", tc.given, made)
		}
		for _, name := range tc.names {
			sent := chain(t, r.Dir, name)
			own, ca := sent[0], sent[1]
			if len(sent) != 2 || !own.Equal(made.Server) || !ca.Equal(made.Authority) {
				t.Errorf("%q: sends %d certificates", tc.given, len(sent))
			}
			if own.IsCA || own.NotAfter.Sub(own.NotBefore) != certs.DefaultDays*days+time.Hour || own.SerialNumber.BitLen() < 64 {
				t.Errorf("%q: %v from %v to %v", tc.given, own.IsCA, own.NotBefore, own.NotAfter)
			}
			if !slices.Equal(own.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || own.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
				t.Errorf("%q: usage %v %v", tc.given, own.KeyUsage, own.ExtKeyUsage)
			}
			if !ca.IsCA || !ca.MaxPathLenZero || ca.NotAfter.Before(time.Now().AddDate(9, 11, 0)) {
				t.Errorf("%q: authority %+v", tc.given, ca)
			}
		}
		d := certs.Describe(made.Server, time.Now())
		if !slices.Equal(d.Names, tc.names) {
			t.Errorf("names %q, want %q", d.Names, tc.names)
		}
		if want := map[bool]string{false: "ECDSA P-256", true: "RSA 2048"}[tc.rsa]; d.Key != want {
			t.Errorf("key %s, want %s", d.Key, want)
		}
		if cn := made.Server.Subject.CommonName; cn != tc.names[0] && !(cn == "" && len(tc.names[0]) > 64) {
			t.Errorf("common name %q", cn)
		}
	}
}

func TestLongestCertificateIsShortEnoughForApple(t *testing.T) {
	r := request(t.TempDir(), "a.test")
	r.Valid = certs.MaxDays * days
	c := create(t, r).Server
	// Both ends count, RFC 5280 section 4.1.2.5.
	if valid := c.NotAfter.Sub(c.NotBefore) + time.Second; valid != certs.MaxDays*days {
		t.Errorf("valid for %v", valid)
	}
}

func mode(t *testing.T, file string) os.FileMode {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestRenew(t *testing.T) {
	dir := t.TempDir()
	first := create(t, request(dir, "a.test", "10.0.0.5"))
	before := map[string]string{}
	for _, file := range []string{"ca.pem", "ca.key", "proxy.pem", "proxy.key"} {
		before[file] = read(t, filepath.Join(dir, file))
	}
	r := request(dir)
	r.Force = true
	second := create(t, r)
	if second.NewAuthority || !second.Renewed || !second.Authority.Equal(first.Authority) || second.Server.SerialNumber.Cmp(first.Server.SerialNumber) == 0 {
		t.Errorf("%+v", second)
	}
	chain(t, dir, "a.test")
	chain(t, dir, "10.0.0.5")
	for file, text := range before {
		authority := strings.HasPrefix(file, "ca.")
		if now := read(t, filepath.Join(dir, file)); (now == text) != authority {
			t.Errorf("%s has changed: %v", file, now != text)
		}
		if !authority && read(t, filepath.Join(dir, file+".bak")) != text {
			t.Errorf("%s.bak is not what was there", file)
		}
	}
	// Other names: said when one is lost.
	r.Names = []string{"a.test", "b.test"}
	third := create(t, r)
	chain(t, dir, "b.test")
	if want := []string{"The certificate before was for 10.0.0.5, too; this one is not."}; !slices.Equal(third.Warnings, want) {
		t.Errorf("warnings %q", third.Warnings)
	}
	onlyThese(t, dir, "ca.key", "ca.pem", "proxy.key", "proxy.key.bak", "proxy.pem", "proxy.pem.bak")
	// Half of a pair is replaced as well.
	if err := os.Remove(filepath.Join(dir, "proxy.pem")); err != nil {
		t.Fatal(err)
	}
	create(t, r)
	chain(t, dir, "b.test")
}

func onlyThese(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

// A renewal that cannot be finished leaves everything as it was, or it would
// leave a key that does not fit, for the next start of the proxy to find.
func TestRenewAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	create(t, request(dir, "a.test"))
	key, cert := read(t, filepath.Join(dir, "proxy.key")), read(t, filepath.Join(dir, "proxy.pem"))
	if err := os.MkdirAll(filepath.Join(dir, "proxy.pem.bak", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := request(dir)
	r.Force = true
	if _, err := certs.Create(r); err == nil {
		t.Fatal("a folder was overwritten")
	}
	if read(t, filepath.Join(dir, "proxy.key")) != key || read(t, filepath.Join(dir, "proxy.pem")) != cert {
		t.Error("one of the two files has changed")
	}
	onlyThese(t, dir, "ca.key", "ca.pem", "proxy.key", "proxy.key.bak", "proxy.pem", "proxy.pem.bak")
}

func TestCreateAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.Create(request(dir, "a.test")); err == nil {
		t.Fatal("written through a link")
	}
	onlyThese(t, dir, "ca.pem")
}

// A company's own authority may stand in the folder, with those above it.
func TestForeignAuthority(t *testing.T) {
	dir := t.TempDir()
	root := newIssuer(t, nil, "Example root")
	newIssuer(t, root, "Example servers").files(dir)
	made := create(t, request(dir, "a.test"))
	sent := chain(t, dir, "a.test")
	if made.NewAuthority || len(sent) != 3 || sent[2].Subject.CommonName != "Example root" {
		t.Errorf("sends %d certificates", len(sent))
	}
	if len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0], "The authority ends on") || made.Server.NotAfter.After(sent[1].NotAfter) {
		t.Errorf("warnings %q, ends %v", made.Warnings, made.Server.NotAfter)
	}
}

func TestMistakes(t *testing.T) {
	filled := func(change func(dir string)) string {
		dir := t.TempDir()
		create(t, request(dir, "a.test"))
		change(dir)
		return dir
	}
	move := func(from, to string) func(string) {
		return func(dir string) {
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	aFile := filepath.Join(t.TempDir(), "file")
	write(t, aFile, nil)
	foreign := func(c func(*x509.Certificate)) string {
		dir := t.TempDir()
		newIssuer(t, nil, "Example root", c).files(dir)
		return dir
	}
	other := t.TempDir()
	create(t, request(other, "a.test"))
	for name, tc := range map[string]struct {
		dir       string
		names     []string
		force     bool
		rsa       bool
		want, try string
	}{
		"no host":          {dir: t.TempDir(), want: "which host", try: "--host proxy.example.com"},
		"no host to renew": {dir: t.TempDir(), force: true, want: "which host", try: "--host"},
		"no host before": {dir: filled(func(dir string) {
			nameless, _ := sign(t, newIssuer(t, nil, "root"), &x509.Certificate{Subject: pkix.Name{CommonName: "a.test"}})
			write(t, filepath.Join(dir, "proxy.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: nameless.Raw}))
		}), force: true, want: "which host", try: "--host"},
		"URL":                {dir: t.TempDir(), names: []string{"ldaps://a.test:636"}, want: `"ldaps://a.test:636": is not a host name alone`},
		"port":               {dir: t.TempDir(), names: []string{"a.test:636"}, want: "leave out the port"},
		"wildcard":           {dir: t.TempDir(), names: []string{"*.a.test"}, want: "name each server"},
		"umlaut":             {dir: t.TempDir(), names: []string{"müller.test"}, want: "xn--"},
		"underscore":         {dir: t.TempDir(), names: []string{"my_host"}, want: "letters, digits and hyphens"},
		"hyphen":             {dir: t.TempDir(), names: []string{"-a.test"}, want: "letters, digits and hyphens"},
		"empty":              {dir: t.TempDir(), names: []string{"a.test", ""}, want: "empty"},
		"long":               {dir: t.TempDir(), names: []string{strings.Repeat("a.", 127) + "test"}, want: "253"},
		"broken address":     {dir: t.TempDir(), names: []string{"10.0.0.256"}, want: "not an address"},
		"zone":               {dir: t.TempDir(), names: []string{"fe80::1%eth0"}, want: "not a host name"},
		"two at once":        {dir: t.TempDir(), names: []string{"my_host", "*.test"}, want: `"*.test"`},
		"no folder":          {dir: filepath.Join(t.TempDir(), "no"), names: []string{"a.test"}, want: "does not exist", try: "mkdir -p "},
		"file for a folder":  {dir: aFile, names: []string{"a.test"}, want: "is not a folder", try: "--dir"},
		"certificate exists": {dir: filled(func(string) {}), names: []string{"a.test"}, want: "proxy.pem exists", try: "--force to renew"},
		"only a key":         {dir: filled(move("proxy.pem", "x")), names: []string{"a.test"}, want: "proxy.key exists"},
		"no authority's key": {dir: filled(move("ca.key", "x")), force: true, want: "without its key ca.key", try: "put the key back"},
		"no authority":       {dir: filled(move("ca.pem", "x")), force: true, want: "without its certificate ca.pem"},
		"other key": {dir: filled(func(dir string) {
			write(t, filepath.Join(dir, "ca.key"), []byte(read(t, filepath.Join(other, "ca.key"))))
		}),
			force: true, want: "private key does not match public key", try: "put the right files there"},
		"server as authority": {dir: filled(func(dir string) {
			move("proxy.pem", "ca.pem")(dir)
			move("proxy.key", "ca.key")(dir)
		}), names: []string{"a.test"}, want: "of a server, not of an authority"},
		"garbage":           {dir: filled(func(dir string) { write(t, filepath.Join(dir, "ca.pem"), []byte("x")) }), force: true, want: "ca.pem"},
		"expired authority": {dir: foreign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }), names: []string{"a.test"}, want: "it is valid from", try: "for a new authority, move ca.pem and ca.key away"},
		"may not sign it": {dir: foreign(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} }),
			names: []string{"a.test"}, want: "verifying the certificate for a.test", try: "another --dir"},
		"RSA from ECDSA": {dir: filled(func(string) {}), force: true, rsa: true, want: "has no RSA key", try: "another --dir"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(tc.dir, tc.names...)
			r.Force, r.RSA = tc.force, tc.rsa
			before := listing(tc.dir)
			_, err := certs.Create(r)
			var mistake *certs.Error
			if !errors.As(err, &mistake) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(mistake.Try, tc.try) || mistake.Try == "" {
				t.Errorf("got %v\ntry %+v", err, mistake)
			}
			if after := listing(tc.dir); after != before {
				t.Errorf("the folder had\n%s\nand has\n%s", before, after)
			}
		})
	}
}

// listing is everything in a folder.
func listing(dir string) string {
	var b strings.Builder
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		data, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		b.WriteString(e.Name() + "\n" + string(data))
	}
	return b.String()
}

// An authority with RSA keys goes on making them, without being told.
func TestRSAStays(t *testing.T) {
	dir := t.TempDir()
	r := request(dir, "a.test")
	r.RSA = true
	create(t, r)
	r.RSA, r.Force = false, true
	if key := certs.Describe(create(t, r).Server, time.Now()).Key; key != "RSA 2048" {
		t.Errorf("renewed with %s", key)
	}
}

// Text of a certificate cannot leave its line, in a terminal or in a PEM file.
func TestDescribeIsSafeToPrint(t *testing.T) {
	evil := "x\n-----BEGIN CERTIFICATE-----\x1b[31m"
	template := loopback()
	template.Subject.CommonName = evil
	cert, _ := sign(t, newIssuer(t, nil, "CA "+evil), template)
	d := certs.Describe(cert, time.Now())
	for _, text := range []string{d.Subject, d.Issuer} {
		if strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, "BEGIN") {
			t.Errorf("%q", text)
		}
	}
	block, _ := pem.Decode([]byte(d.PEM))
	if block == nil || string(block.Bytes) != string(cert.Raw) || d.DaysLeft != 0 || d.CA || d.Root || len(d.SHA256) != 95 {
		t.Errorf("%+v", d)
	}
	if past := certs.Describe(cert, cert.NotAfter.Add(time.Second)); past.DaysLeft != -1 {
		t.Errorf("%d days left behind the end", past.DaysLeft)
	}
	if !slices.Equal(d.Names, []string{"directory.test", net.IPv4(127, 0, 0, 1).String()}) {
		t.Errorf("names %q", d.Names)
	}
}
