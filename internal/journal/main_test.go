package journal

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childVariable) != "":
		writeUntilKilled()
	case os.Getenv(readVariable) != "":
		readNewest()
	}
	flag.Parse()
	if testing.Short() {
		_ = flag.Set("rapid.checks", "15")
	}
	goleak.VerifyTestMain(m)
}

// readVariable makes the test binary a program that prints the newest row of the
// journal it names.
const readVariable = "TEST_OF_JAMF_LDAP_PROXY_JOURNAL_READ"

func readNewest() {
	r, err := OpenReader(os.Getenv(readVariable))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	n, err := r.Newest(context.Background())
	if err != nil {
		n = -1
	}
	fmt.Println(n)
	os.Exit(0)
}
