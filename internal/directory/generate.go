package directory

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// generatedGroup is a user group of a generated organisation.
type generatedGroup struct {
	name, linux string
	gid         int
	members     []int // indices of users
}

// Generate writes the LDIF of an organisation in the shape of the sample:
// users in number besides the service account uid=jamf.ldap, and groups of at
// most maxMembers members, each as a groupOfNames and a posixGroup whose cn has
// nothing in common with the other's. The first group is the largest, 500
// members when users and maxMembers allow it; most are small. The base and the
// password are those of the sample, and the output depends on the numbers only.
// Errors of w are its owner's to find.
func Generate(w io.Writer, users, groups, maxMembers int) {
	out := bufio.NewWriter(w)
	defer out.Flush()
	list, memberOf := generateGroups(users, groups, maxMembers)
	writeContainers(out)
	writeUser(out, "jamf.ldap", 4999, nil, true)
	for i := range users {
		writeUser(out, generatedUID(i), 5000+i, memberOf[i], false)
	}
	for _, g := range list {
		writeGroup(out, g)
	}
}

func generatedUID(i int) string { return fmt.Sprintf("user%05d", i+1) }

// generateGroups chooses the members. Groups without members do not exist at
// JumpCloud.
func generateGroups(users, groups, maxMembers int) (list []generatedGroup, memberOf map[int][]string) {
	r := rand.New(rand.NewPCG(uint64(users), uint64(groups)))
	memberOf = make(map[int][]string)
	largest := min(users, maxMembers, 500)
	if largest < 1 {
		return nil, memberOf
	}
	for i := range groups {
		size := largest
		if i > 0 {
			// The product of two throws: many small groups, some large ones.
			size = 1 + r.IntN(1+r.IntN(largest))
		}
		g := generatedGroup{
			name:    fmt.Sprintf("Team %04d (Site %d)", i+1, i%7),
			linux:   fmt.Sprintf("lx%04d", i+1),
			gid:     7001 + i,
			members: r.Perm(users)[:size],
		}
		for _, u := range g.members {
			memberOf[u] = append(memberOf[u], g.name)
		}
		list = append(list, g)
	}
	return list, memberOf
}

func writeContainers(w io.Writer) {
	const org = "5f0e1d2c3b4a59687766554a"
	fmt.Fprintf(w, "dn: dc=jumpcloud,dc=com\nobjectClass: top\nobjectClass: dcObject\nobjectClass: organization\ndc: jumpcloud\no: jumpcloud\n\n")
	fmt.Fprintf(w, "dn: o=%s,dc=jumpcloud,dc=com\nobjectClass: top\nobjectClass: organization\no: %s\n\n", org, org)
	fmt.Fprintf(w, "dn: %s\nobjectClass: top\nobjectClass: organizationalUnit\nou: Users\n\n", SampleBase)
}

func writeUser(w io.Writer, uid string, number int, groups []string, admin bool) {
	fmt.Fprintf(w, "dn: uid=%s,%s\n", uid, SampleBase)
	for _, class := range []string{
		"top", "person", "organizationalPerson", "inetOrgPerson", "shadowAccount", "posixAccount", "jumpcloudUser",
	} {
		fmt.Fprintf(w, "objectClass: %s\n", class)
	}
	fmt.Fprintf(w, "uid: %s\nhomeDirectory: /home/%s\nmail: %s@example.com\n", uid, uid, uid)
	fmt.Fprintf(w, "givenName: Given%d\nsn: Family%d\ncn: Given%d Family%d\n", number, number%997, number, number%997)
	fmt.Fprintf(w, "uidNumber: %d\ngidNumber: %d\nloginShell: /bin/bash\n", number, number)
	if admin {
		fmt.Fprintf(w, "jcLdapAdmin: TRUE\n")
	}
	for _, g := range groups {
		fmt.Fprintf(w, "memberOf: cn=%s,%s\n", g, SampleBase)
	}
	fmt.Fprintf(w, "userPassword: %s\n\n", hashPassword(SamplePassword, uid))
}

func writeGroup(w io.Writer, g generatedGroup) {
	fmt.Fprintf(w, "dn: cn=%s,%s\ncn: %s\nou: %s\n", g.name, SampleBase, g.name, g.name)
	fmt.Fprintf(w, "objectClass: top\nobjectClass: groupOfNames\ndescription: tagGroup\n")
	for _, u := range g.members {
		fmt.Fprintf(w, "member: uid=%s,%s\n", generatedUID(u), SampleBase)
	}
	fmt.Fprintf(w, "\ndn: cn=%s,%s\nobjectClass: top\nobjectClass: posixGroup\n", g.linux, SampleBase)
	fmt.Fprintf(w, "description: tagGroup\ngidNumber: %d\ncn: %s\n", g.gid, g.linux)
	for _, u := range g.members {
		fmt.Fprintf(w, "memberUid: %s\n", generatedUID(u))
	}
	fmt.Fprintln(w)
}
