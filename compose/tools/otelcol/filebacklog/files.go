package filebacklog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

// file is what is known of one. Names change by rotation: the device and inode by which it is found do not.
type file struct {
	Group string `json:"group"`
	Size  int64  `json:"size"`
	Read  int64  `json:"read"`
	// Removed says that it has no name any more; it is there for as long as its reader has it open.
	Removed bool `json:"removed,omitempty"`
	// opened says that a reader of this process has had it open: such a reader reads it to the end, whatever happens.
	opened bool
	// missing counts the looks that did not find it, though it is on no list of removed files.
	missing int
}

func (f *file) unread() int64 { return max(0, f.Size-f.Read) }

// lost is what is never read of a file that is gone.
func (f *file) lost() int64 {
	if f.opened {
		return 0
	}
	return f.unread()
}

// files knows those of the configuration.
type files struct {
	config *Config
	log    *zap.Logger
	Known  map[string]*file `json:"known"`
	// Lists has how far each list of removed files has been read.
	Lists map[string]int64 `json:"lists"`
	saved string
}

// found is what a look has found, by group of files.
type found struct {
	unread map[string]int64
	lost   map[string]int64
}

func newFiles(config *Config, log *zap.Logger) *files {
	return &files{config: config, log: log, Known: map[string]*file{}, Lists: map[string]int64{}}
}

// load takes up what the process before has left. Without it nothing that was removed until now counts as lost.
func (f *files) load() error {
	content, err := os.ReadFile(f.config.State)
	if err == nil {
		err = json.Unmarshal(content, f)
	}
	if err == nil && f.hasNull() {
		err = fmt.Errorf("%s has null for what is known", f.config.State)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	f.Known, f.Lists = map[string]*file{}, map[string]int64{}
	lists, _ := filepath.Glob(f.config.Removed)
	for _, list := range lists {
		if about, statErr := os.Stat(list); statErr == nil {
			f.Lists[list] = about.Size()
		}
	}
	return err
}

// hasNull says whether a state had null in place of what save writes: JSON that is valid, and no file or map.
func (f *files) hasNull() bool {
	if f.Known == nil || f.Lists == nil {
		return true
	}
	for _, each := range f.Known {
		if each == nil {
			return true
		}
	}
	return false
}

// look finds out how things are.
func (f *files) look() (found, error) {
	now := found{unread: map[string]int64{}, lost: map[string]int64{}}
	open, err := positions()
	if err != nil {
		return now, err
	}
	if err := f.readLists(open, now); err != nil {
		return now, err
	}
	if err := f.readFolders(open); err != nil {
		return now, err
	}
	for id, each := range f.Known {
		if position, isOpen := open[id]; isOpen {
			each.opened = true
			each.Read = max(each.Read, position)
		} else if each.Removed || each.missing > 1 {
			now.lost[each.Group] += each.lost()
			delete(f.Known, id)
			continue
		}
		now.unread[each.Group] += each.unread()
		now.lost[each.Group] += 0
	}
	return now, f.save()
}

// readLists settles what was removed since the last look. A list is in order: of two files of one inode the first that is
// on it is the one that was known.
func (f *files) readLists(open map[string]int64, now found) error {
	lists, err := filepath.Glob(f.config.Removed)
	if err != nil {
		return err
	}
	for _, list := range lists {
		content, err := os.ReadFile(list)
		if err != nil {
			return err
		}
		from := min(f.Lists[list], int64(len(content)))
		whole := strings.LastIndexByte(string(content[from:]), '\n') + 1 // the last line may still be being written
		f.Lists[list] = from + int64(whole)
		for line := range strings.Lines(string(content[from : from+int64(whole)])) {
			f.remove(line, open, now)
		}
	}
	return nil
}

func (f *files) remove(line string, open map[string]int64, now found) {
	words := strings.Fields(line)
	if len(words) < 3 {
		f.log.Warn("A list of removed files has a line that is none", zap.String("line", line))
		return
	}
	id, name := words[0], strings.Join(words[2:], " ")
	size, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		f.log.Warn("A list of removed files has a line that is none", zap.String("line", line))
		return
	}
	known := f.Known[id]
	if known == nil {
		known = &file{Group: group(name)}
		f.Known[id] = known
	}
	known.Size, known.Removed = size, true
	if _, isOpen := open[id]; isOpen {
		return
	}
	now.lost[known.Group] += known.lost()
	delete(f.Known, id)
}

// readFolders looks which files there are, and how large they are.
func (f *files) readFolders(open map[string]int64) error {
	present := map[string]bool{}
	for _, pattern := range f.config.Include {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			about, err := os.Stat(name)
			if err != nil {
				continue // rotated or removed since
			}
			id := identity(about)
			present[id] = true
			if f.Known[id] == nil || f.Known[id].Removed {
				f.Known[id] = &file{Group: group(name)}
			}
			f.Known[id].Size = about.Size()
		}
	}
	for id, each := range f.Known {
		if present[id] {
			each.missing = 0
		} else if _, isOpen := open[id]; !isOpen {
			each.missing++
		}
	}
	return nil
}

// save writes what has to outlive the process, if it has changed.
func (f *files) save() error {
	content, err := json.Marshal(f)
	if err != nil || string(content) == f.saved {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.config.State), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(f.config.State+".new", content, 0o600); err != nil {
		return err
	}
	f.saved = string(content)
	return os.Rename(f.config.State+".new", f.config.State)
}

// positions are those at which this process reads its open files.
func positions() (map[string]int64, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	open := map[string]int64{}
	for _, entry := range entries {
		path := "/proc/self/fd/" + entry.Name()
		if target, err := os.Readlink(path); err != nil || !strings.HasPrefix(target, "/") {
			continue // closed since, or no file
		}
		about, err := os.Stat(path)
		if err != nil || !about.Mode().IsRegular() {
			continue
		}
		position, err := position(entry.Name())
		if err != nil {
			continue // closed since
		}
		open[identity(about)] = max(open[identity(about)], position)
	}
	return open, nil
}

func position(descriptor string) (int64, error) {
	content, err := os.ReadFile("/proc/self/fdinfo/" + descriptor)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if value, isIt := strings.CutPrefix(line, "pos:"); isIt {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("no position of %s", descriptor)
}

// identity is what `stat --format %d:%i` prints.
func identity(about os.FileInfo) string {
	stat := about.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// group is what a file and those that it was rotated to are called: "edge-access" of "edge-access.json.2".
func group(name string) string {
	base, _, _ := strings.Cut(filepath.Base(name), ".")
	return base
}
