package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"jamf-ldap-proxy/internal/directory"
)

//go:embed testdata/jumpcloud.schema
var schema string

// slapdHead is common to the directory and to the peers that are slapd.
func (s *site) slapdHead(name string) (string, error) {
	extra, err := s.write("jumpcloud.schema", schema)
	return fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include %s
modulepath /usr/lib/ldap
pidfile %s
TLSCACertificateFile %s
TLSCertificateFile %s
TLSCertificateKeyFile %s
sizelimit unlimited
loglevel 0
`, extra, filepath.Join(s.dir, name+".pid"), s.certs.ca, s.certs.server, s.certs.key), err
}

// startSlapd runs slapd with a configuration; databases have a folder each.
func (s *site) startSlapd(name, conf string) (*process, error) {
	head, err := s.slapdHead(name)
	if err != nil {
		return nil, err
	}
	file, err := s.write(name+".conf", head+conf)
	if err != nil {
		return nil, err
	}
	return s.start("slapd", func(plain, secure string) ([]string, error) {
		return []string{"-d", "0", "-f", file, "-h", "ldap://127.0.0.1:" + plain + " ldaps://127.0.0.1:" + secure}, nil
	})
}

func (s *site) startDirectory() (*process, error) {
	var ldif bytes.Buffer
	directory.Generate(&ldif, s.users, s.groups, 500)
	data, err := s.write("org.ldif", ldif.String())
	if err != nil {
		return nil, err
	}
	db := filepath.Join(s.dir, "directory")
	if err := os.Mkdir(db, 0o700); err != nil {
		return nil, err
	}
	conf := `moduleload back_mdb
database mdb
maxsize 1073741824
suffix "dc=jumpcloud,dc=com"
directory ` + db + `
index objectClass,uid,cn,member,memberUid,gidNumber eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
`
	head, err := s.slapdHead("load")
	if err != nil {
		return nil, err
	}
	file, err := s.write("load.conf", head+conf)
	if err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(s.ctx, "slapadd", "-q", "-f", file, "-l", data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("loading the directory: %w: %s", err, out)
	}
	return s.startSlapd("directory", conf)
}

// startBackLDAP runs slapd as a proxy; overlays come behind its database.
func (s *site) startBackLDAP(name string, up upstream, modules, overlays string) (*process, error) {
	conf := "moduleload back_ldap\n" + modules + "database ldap\nsuffix \"dc=jumpcloud,dc=com\"\nuri \"" + up.url() + "\"\n"
	if up.secure {
		conf += "tls ldaps tls_reqcert=demand tls_cacert=" + s.certs.ca + "\n"
	}
	conf += "rebind-as-user yes\nchase-referrals no\nreadonly on\n" + overlays
	return s.startSlapd(name, conf)
}

// rwm maps the names. The values of member, which are DNs, it cannot turn into
// the user names that memberUid has, nor one group's name into another's.
const rwm = `overlay rwm
rwm-map objectclass groupOfNames posixGroup
`

func (s *site) startRWM(up upstream) (*process, error) {
	return s.startBackLDAP("rwm", up, "moduleload rwm\n", rwm)
}

// pcache holds the templates of what is asked here, and no others.
func (s *site) startPCache(up upstream) (*process, error) {
	db := filepath.Join(s.dir, "pcache")
	if err := os.Mkdir(db, 0o700); err != nil {
		return nil, err
	}
	return s.startBackLDAP("pcache", up, "moduleload back_mdb\nmoduleload pcache\n", `rootdn "cn=pcache,dc=jumpcloud,dc=com"
overlay pcache
pcache mdb 100000 2 2000 100
pcacheAttrset 0 uid cn mail givenName sn uidNumber memberOf loginShell
pcacheAttrset 1 cn gidNumber member
pcacheTemplate (&(objectClass=)(uid=)) 0 3600
pcacheTemplate (&(objectClass=)(cn=)) 1 3600
pcacheTemplate (&(objectClass=)(memberUid=)) 1 3600
pcacheMaxQueries 10000
maxsize 1073741824
directory `+db+`
index objectClass,uid,cn,memberUid,pcacheQueryID eq
`)
}
