package journal

import "context"

// Configure changes journal.keep and journal.max_bytes while the journal runs. A
// smaller file is made by and by, as room is made. Config.Path does not count.
func (j *Journal) Configure(cfg Config) {
	if j == nil {
		return
	}
	j.mu.Lock()
	j.room = newRoom(cfg)
	j.mu.Unlock()
	j.setStatus(func(s *Status) { s.MaxBytes = int64(cfg.MaxBytes) })
	token(j.began)
}

func (j *Journal) rooms() room {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.room
}

// refit gives the open file the room that it has now.
func (j *Journal) refit(ctx context.Context) error {
	room := j.rooms()
	if j.file.room == room {
		return nil
	}
	j.file.room = room
	return execute(ctx, j.file.conn, room.pragmas()...)
}
