// Preloaded into verdaccio: what it puts in place by a rename is on the disk when the rename is done.
const fs = require('node:fs');
const path = require('node:path');

const { rename } = fs;

fs.rename = (from, to, callback) => {
  sync(from, (unsynced) => {
    if (unsynced) {
      callback(unsynced);
      return;
    }
    rename(from, to, (error) => {
      if (error) callback(error);
      else sync(path.dirname(to), callback);
    });
  });
};

function sync(target, callback) {
  fs.open(target, 'r', (error, fd) => {
    if (error) {
      callback(error);
      return;
    }
    fs.fsync(fd, (unsynced) => {
      fs.close(fd, (unclosed) => callback(unsynced ?? unclosed ?? null));
    });
  });
}
