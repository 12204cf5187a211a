export default {
  apps: [
    { name: 'next', script: 'node_modules/.bin/next', args: 'start -p 8352', env: { NODE_ENV: 'production' } },
    { name: 'mail', script: './mail.mjs', interpreter: 'node@18', cron_restart: '0 3 * * *' },
  ],
};
