# nginx.conf.in -> the configuration of this replica, and then this shell becomes nginx.
# The folder bears the replica's name, so that its next life finds and replaces what this one leaves.
set -eu
folder=run/$HW_ENV/$HW_REPLICA
mkdir -p "$folder"

# Workers of a master that runs as root would become `nobody` and could not read the pages. Who is not
# root has no choice, and nginx warns when it is told so.
user=
[ "$(id -u)" != 0 ] || user='user root;'

sed -e "s|@USER@|$user|" -e "s|@PORT@|$PORT|" -e "s|@REPLICA@|$HW_REPLICA|" \
    -e "s|@APP@|$HW_APP_URL|" -e "s|@FILES@|$HW_FILES_URL|" \
    front/nginx.conf.in >"$folder/nginx.conf"

# -e: what it has to say before it has read its configuration goes into the log as well.
exec nginx -e stderr -p "$PWD/$folder" -c nginx.conf
