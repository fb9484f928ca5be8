package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/dial"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
)

type simulateOptions struct {
	twoServers
	accountOptions
	userPasswordFile   string
	mappings           mappingOptions
	all                bool
	user, group        string // of --all
	asJSON, isDetailed bool

	question string
	names    []string
}

func newSimulateCommand() *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate (user NAME | group NAME | membership USER GROUP | login USER | --all)",
		Short: "Ask as Jamf's Test pane does, directly and through the proxy",
		Long: `Ask what the Test pane of an LDAP server in Jamf asks, the directory itself and the
proxy before it, and show the two answers side by side. A login looks the user up
and binds; --all asks every shape of request that Jamf is known to make. Mappings
are those of JumpCloud's instructions, of an export of Jamf's, or of --set.

Passwords: see pairs; the user's for login from --user-password-file, the variable
` + userPasswordVariable + ` or a prompt.

Exit codes: 0 answered, 1 not, or Jamf would find nothing, 2 wrong use.`,
		Example: `  jamf-ldap-proxy simulate group gameOfThrones --config proxy.yaml
  jamf-ldap-proxy simulate membership jon.snow Everyone --config proxy.yaml --jamf-export jamf.xml
  jamf-ldap-proxy simulate --all --config proxy.yaml --group Everyone`,

		DisableFlagsInUseLine: true, // --help would be wider than a screen

		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.read(args); err != nil {
				return err
			}
			return runSimulate(cmd.Context(), &o, cmd.InOrStdin(), newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	o.twoServers.register(f)
	o.accountOptions.register(f)
	f.StringVar(&o.userPasswordFile, "user-password-file", "", "file with the password of the user who logs in")
	o.mappings.register(f)
	f.BoolVar(&o.all, "all", false, "ask all 25 shapes")
	f.StringVar(&o.user, "user", "", "user of --all; default: one of the group")
	f.StringVar(&o.group, "group", "", "group of --all; default: the first with members")
	f.BoolVarP(&o.isDetailed, "verbose", "v", false, "show every request, and what an export has besides")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

// questions are the words that begin a simulation, with how many names follow.
var questions = map[string]int{
	simulate.QuestionUser: 1, simulate.QuestionGroup: 1, simulate.QuestionMembership: 2, simulate.QuestionLogin: 1,
}

// read takes the question from the command line.
func (o *simulateOptions) read(args []string) error {
	const help = "jamf-ldap-proxy simulate --help"
	wrong := func(format string, a ...any) error { return &usageError{fmt.Errorf(format, a...), help} }
	switch {
	case o.all && len(args) > 0:
		return wrong("--all asks everything, and takes no %q", args[0])
	case !o.all && (o.user != "" || o.group != ""):
		return wrong("--user and --group are for --all; write the names behind the question")
	case o.all:
		return nil
	case len(args) == 0:
		return wrong("there is no question: user, group, membership, login or --all")
	}
	o.question, o.names = args[0], args[1:]
	want, known := questions[o.question]
	switch {
	case !known:
		return wrong("%q is no question: user, group, membership or login", o.question)
	case len(o.names) != want && want == 1:
		return wrong("%s takes one name, not %d; a name with spaces is quoted", o.question, len(o.names))
	case len(o.names) != want:
		return wrong("membership takes a user and a group; a name with spaces is quoted")
	}
	return nil
}

// longestSimulation bounds a question, and all of them together. A bind alone may
// take a minute where a user confirms on a phone.
const longestSimulation = 3 * time.Minute

func runSimulate(ctx context.Context, o *simulateOptions, in io.Reader, out, notes output) error {
	cfg, err := o.load(notes)
	if err != nil {
		return err
	}
	direct, proxy, err := o.open(cfg)
	if err != nil {
		return err
	}
	server, err := o.mappings.server(o.base(cfg, o.dn), cfg, o.isDetailed, notes)
	if err != nil {
		return err
	}
	as, err := o.account(ctx, cfg, in, notes)
	if err != nil {
		return err
	}
	defer as.password.Wipe()
	user, err := o.userPassword(ctx, in, notes)
	if err != nil {
		return err
	}
	defer user.Wipe()
	ctx, cancel := context.WithTimeout(ctx, longestSimulation)
	defer cancel()
	account, mappings := simulate.Account{DN: as.dn, Password: as.password}, server.Mappings()
	sides := []*simulated{
		{name: directly, server: direct, account: account, mappings: mappings},
		{name: throughProxy, server: proxy, account: account, mappings: mappings},
	}
	if o.all {
		return o.simulateAll(ctx, sides, user, bridges(cfg), out)
	}
	o.ask(ctx, sides, user)
	if o.asJSON {
		err = printSimulationJSON(out, o, sides)
	} else {
		err = printSimulation(out, o, sides)
	}
	return errors.Join(err, verdict(sides))
}

// bridges tells whether the proxy translates groups; without a configuration it is
// taken for one that does.
func bridges(cfg config.Config) bool { return cfg.Groups.Mode != "off" }

// The two sides of a simulation.
const (
	directly     = "directly"
	throughProxy = "through the proxy"
)

// simulated is a server that is asked as Jamf would, and what came of it.
type simulated struct {
	name     string
	server   *dial.Server // nil: there is none
	account  simulate.Account
	mappings simulate.Mappings

	answer *simulate.Answer
	err    error
}

func (s *simulated) jamf() *simulate.Jamf {
	return &simulate.Jamf{Dial: s.server.Dial, Account: s.account, Mappings: s.mappings}
}

// ask puts the question to both sides at once.
func (o *simulateOptions) ask(ctx context.Context, sides []*simulated, password secret.Password) {
	var asking sync.WaitGroup
	for _, s := range sides {
		if s.server != nil {
			asking.Go(func() { s.answer, s.err = o.put(ctx, s.jamf(), password) })
		}
	}
	asking.Wait()
}

func (o *simulateOptions) put(ctx context.Context, j *simulate.Jamf, password secret.Password) (*simulate.Answer, error) {
	switch o.question {
	case simulate.QuestionUser:
		return j.User(ctx, o.names[0])
	case simulate.QuestionGroup:
		return j.Group(ctx, o.names[0])
	case simulate.QuestionLogin:
		return j.Login(ctx, o.names[0], password)
	}
	return j.Membership(ctx, o.names[0], o.names[1])
}

// verdict is the error that makes the exit code 1.
func verdict(sides []*simulated) error {
	var problems []error
	for _, s := range sides {
		switch {
		case s.server == nil || s.err == nil:
		case s.name == throughProxy && errors.Is(s.err, syscall.ECONNREFUSED):
			problems = append(problems, fmt.Errorf("the proxy does not run at %s: %w", s.server, s.err))
		default:
			problems = append(problems, fmt.Errorf("%s, %s: %w", s.name, s.server, s.err))
		}
	}
	last := sides[len(sides)-1] // the proxy, if it is asked
	if last.server == nil {
		last = sides[0]
	}
	if a := last.answer; last.err == nil && a != nil && !answered(a) {
		problems = append(problems, fmt.Errorf("%s, Jamf gets nothing of use", last.name))
	}
	return errors.Join(problems...)
}

// answered tells whether Jamf gets what it asked for. That somebody is no member is
// an answer, too.
func answered(a *simulate.Answer) bool {
	switch a.Question {
	case simulate.QuestionUser:
		return len(a.Users) > 0
	case simulate.QuestionGroup:
		return len(a.Groups) > 0
	case simulate.QuestionLogin:
		return a.Login != nil && a.Login.Accepted
	}
	return a.Membership != nil
}
