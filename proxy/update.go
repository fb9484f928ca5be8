package proxy

// update refuses add, modify, delete and modifyDN: a proxy that translates
// between two shapes of a group could not say which entry a change is meant
// for, and Jamf never changes anything.
func (o *operation) update() error {
	defer o.wipeRequest() // a change may carry a password
	if _, err := o.clientControls(); err != nil {
		return err
	}
	return errReadOnly
}
