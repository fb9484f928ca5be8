package jamf

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is written reads as what it was, but for what Jamf gives itself.
func TestWrittenAndReadAgain(t *testing.T) {
	s := Recommend(site(ModePosix))
	s.Connection.Name = `<&">'`
	s.Users.Position = "title"
	for name, write := range map[string]func(*bytes.Buffer) error{
		"XML":  func(b *bytes.Buffer) error { return s.WriteXML(b) },
		"JSON": func(b *bytes.Buffer) error { return s.WriteJSON(b) },
	} {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text.String(), PasswordPlaceholder); n != 1 {
			t.Errorf("%s has the placeholder %d times", name, n)
		}
		again, ignored, err := Read(&text)
		if err != nil || len(ignored) > 0 {
			t.Fatalf("%s: ignored %q, %v", name, ignored, err)
		}
		if diff := cmp.Diff(s.Mappings(), again.Mappings()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(s.Connection, again.Connection); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The fields of a membership object would overwrite what is not used.
func TestPayloadLeavesOutTheMembershipObject(t *testing.T) {
	var text strings.Builder
	if err := Recommend(site(ModePosix)).WriteXML(&text); err != nil {
		t.Fatal(err)
	}
	_, membership, _ := strings.Cut(text.String(), "<user_group_membership_mappings>")
	for _, element := range []string{"<search_base>", "<object_classes>", "<username>", "<group_id>"} {
		if strings.Contains(membership, element) {
			t.Errorf("the membership mappings have %s", element)
		}
	}
	for _, element := range []string{"<id>", "<is_enabled>", "<migrated_to_id>", "<certificates_used>"} {
		if strings.Contains(text.String(), element) {
			t.Errorf("the payload has %s, which the API does not take", element)
		}
	}
}
