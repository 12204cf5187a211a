// the usual one
const path = require('path');
console.log('a configuration that prints');
module.exports = {
  apps: [{
    name: 'shop',
    cwd: path.join(__dirname, 'current'),
    script: 'dist/main.js',
    instances: 'max',
    exec_mode: 'cluster',
    node_args: '--max-old-space-size=1024 --enable-source-maps',
    kill_timeout: 5000,
    wait_ready: true,
    listen_timeout: 10000,
    max_restarts: 10,
    min_uptime: '10s',
    restart_delay: 4000,
    time: true,
    error_file: './logs/err.log',
    out_file: './logs/out.log',
    merge_logs: true,
    env: { NODE_ENV: 'development', PORT: 3000 },
    env_production: { NODE_ENV: 'production', PORT: 8351 },
  }],
  deploy: { production: { host: 'example.org' } },
};
