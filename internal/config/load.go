package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"jamf-ldap-proxy/configs"
)

// maxFileSize bounds a configuration file. A thousand pairs need about 60 KiB.
const maxFileSize = 1 << 20

// Load reads the file at path, lays the JAMF_LDAP_PROXY_... variables of
// environ (in the form of os.Environ) over it, and checks the result. An empty
// path means that only variables and defaults count.
//
// The error is a Problems: every mistake that was found.
func Load(path string, environ []string) (Config, error) {
	l := newLoader(path)
	if path == "" {
		return l.load(nil, environ)
	}
	data, err := readLimited(path)
	if err != nil {
		return Config{}, unreadable(path, err)
	}
	return l.load(data, environ)
}

// Parse is Load for bytes that are already in memory. Name is what messages
// call the file; file names inside it are relative to name's folder.
func Parse(name string, data []byte) (Config, error) {
	return newLoader(name).load(data, nil)
}

// loader is one pass over one configuration.
type loader struct {
	name string // the file as the administrator wrote it; "" without a file
	dir  string // the folder that file names are relative to
	src  *source
	cfg  Config

	at       positions       // where each value came from
	bad      map[string]bool // paths that already have a mistake
	excused  map[string]bool // keys found misspelled, so not also missing
	problems Problems
	more     int // mistakes beyond maxProblems

	variables int // how many environment variables were ours
}

func newLoader(name string) *loader {
	return &loader{
		name: name, dir: filepath.Dir(name), cfg: Default(),
		at: positions{}, bad: map[string]bool{}, excused: map[string]bool{},
	}
}

func (l *loader) load(data []byte, environ []string) (Config, error) {
	readable := l.readFile(data)
	l.readEnv(environ)
	if l.name == "" && l.variables == 0 {
		return Config{}, nothingGiven()
	}
	// Behind a file that could not be read every required key would be
	// "missing"; that would bury the one mistake that counts.
	if readable {
		l.validate()
	}
	if err := l.result(); err != nil {
		return Config{}, err
	}
	return l.cfg, nil
}

// readFile decodes data into the configuration and reports whether the file was
// read to its end.
func (l *loader) readFile(data []byte) bool {
	if l.name == "" {
		return true
	}
	root, ok := l.parse(data)
	if !ok {
		return false
	}
	return l.walkRoot(root)
}

// shortestExample is the smallest file that works, for messages that have to
// say what a configuration looks like.
func shortestExample() string {
	text, err := configs.Files.ReadFile("minimal.yaml")
	if err != nil {
		panic(err) // it is embedded: a build without it is broken
	}
	return string(text)
}

// readLimited reads a regular file of at most maxFileSize bytes. It looks before it
// opens, because opening a pipe would wait for a writer for ever.
func readLimited(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotAFile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > maxFileSize {
		return nil, errTooLarge
	}
	return data, nil
}

var (
	errNotAFile = errors.New("is not a regular file")
	errTooLarge = fmt.Errorf("is larger than %d MiB", maxFileSize>>20)
)

// readFault words why a file could not be read, without the path that the
// error of package os repeats.
func readFault(err error) string {
	switch {
	case errors.Is(err, errNotAFile), errors.Is(err, errTooLarge):
		return err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user (permission denied)"
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return "cannot be read: " + err.Error()
}

// nothingGiven answers a start without any configuration.
func nothingGiven() Problems {
	return Problems{{
		File:    "configuration",
		Message: "there is none: it needs at least upstream.servers and upstream.base",
		Try: "name a file with --config FILE, or set " + EnvPrefix + variableName("upstream.servers") +
			" and " + EnvPrefix + variableName("upstream.base") + "; the shortest file is\n" + indent(shortestExample()),
	}}
}

func unreadable(path string, err error) Problems {
	try := "name an existing file with --config; the shortest configuration is\n" + indent(shortestExample())
	if errors.Is(err, errTooLarge) {
		try = "check that --config names the right file"
	}
	return Problems{{File: path, Message: "the configuration file " + readFault(err), Try: try}}
}
