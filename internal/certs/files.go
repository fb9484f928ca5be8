package certs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Save writes a file whole or not at all. It refuses to overwrite one unless
// force. Mistakes are of type *Error.
func Save(path string, data []byte, mode fs.FileMode, force bool) error {
	if force {
		next, err := stage(path, path, data, mode)
		if err != nil {
			return explainSave(path, err)
		}
		return explainSave(path, moveAll([]move{{next, path}}))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return explainSave(path, err)
	}
	if err := fill(f, data); err != nil {
		_ = os.Remove(path)
		return explainSave(path, err)
	}
	return nil
}

// file is one to be written into a folder.
type file struct {
	name string
	data []byte
	mode fs.FileMode
}

// move is a file that is written already, and where it belongs.
type move struct{ from, to string }

// renew puts files in the place of others, which stay beside them with .bak
// behind their names. Everything is written before the first file changes its
// name, so that a full disk leaves all as it was.
func renew(dir string, files ...file) (err error) {
	var backups, renewals []move
	defer func() {
		for _, m := range append(backups, renewals...) {
			_ = os.Remove(m.from) // those that have moved are not there any more
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		before, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explainSave(path, err)
		}
		if err == nil {
			next, err := stage(path+backupSuffix, path, before, f.mode)
			if err != nil {
				return explainSave(path+backupSuffix, err)
			}
			backups = append(backups, move{next, path + backupSuffix})
		}
		next, err := stage(path, path, f.data, f.mode)
		if err != nil {
			return explainSave(path, err)
		}
		renewals = append(renewals, move{next, path})
	}
	return explainSave(dir, moveAll(append(backups, renewals...)))
}

func moveAll(moves []move) error {
	for _, m := range moves {
		if err := os.Rename(m.from, m.to); err != nil {
			_ = os.Remove(m.from)
			return err
		}
	}
	return nil
}

// stage writes a file beside path, and returns its name. Owner and rights are
// those of the file that like names, if it is there: a proxy that runs as
// another user has to be able to read the new one as it could the old.
func stage(path, like string, data []byte, mode fs.FileMode) (string, error) {
	// CreateTemp makes it readable for this user alone until it is as it should be.
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	err = f.Chmod(mode)
	if info, statErr := os.Stat(like); err == nil && statErr == nil {
		err = resemble(f, info, mode)
	}
	if err := errors.Join(err, fill(f, data)); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// fill writes and closes a file.
func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func explainSave(path string, err error) error {
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return &Error{fmt.Errorf("writing %s: %w", path, err), known.Try}
	case errors.Is(err, fs.ErrExist):
		return &Error{fmt.Errorf("%s exists", path), "another name, or --force to overwrite it"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{fmt.Errorf("writing %s: its folder does not exist", path), "mkdir -p " + filepath.Dir(path)}
	case errors.Is(err, fs.ErrPermission):
		return &Error{fmt.Errorf("writing %s: %w", path, err), "write to another folder, or as another user"}
	}
	return fmt.Errorf("writing %s: %w", path, err)
}
