package discovery

import "testing"

// TestSuffixIsACopy: what an entry taught must not change with the buffer that
// the entry was read into.
func TestSuffixIsACopy(t *testing.T) {
	b, err := newUsersBase("ou=Users,dc=com")
	if err != nil {
		t.Fatal(err)
	}
	sum := func(dn string, buffer []byte) [32]byte {
		var m MemberSet
		b.addMember(&m, buffer[:copy(buffer, dn)])
		_, digest := m.sum()
		return digest
	}
	buffer := make([]byte, 64)
	user := sum("uid=x,OU=users,dc=com", buffer)
	if sum("uid=x,OU=other,dc=com", buffer) == user {
		t.Error("a DN elsewhere counts as a user, because it stands where one stood before")
	}
	if sum("uid=x,OU=users,dc=com", buffer) != user || sum("uid=x,ou=Users,dc=com", buffer) != user {
		t.Error("one user counts as two")
	}
}
