/**
 * Configuration of a Ceph cluster of one monitor, one disk in a sparse file and one S3 gateway, all on 127.0.0.1 and
 * without replicas: for tests only. `lib` is the library folder of the unpacked packages.
 */
export function cephConf({ fsid, monPort, rgwPort, home, lib }) {
  return `[global]
fsid=${fsid}
mon_initial_members=a
mon_host=[v1:127.0.0.1:${monPort}]
public_addr=127.0.0.1
cluster_addr=127.0.0.1
ms_bind_ipv4=true
auth_cluster_required=none
auth_service_required=none
auth_client_required=none
osd_pool_default_size=1
osd_pool_default_min_size=1
osd_pool_default_pg_num=8
osd_pool_default_pgp_num=8
osd_crush_chooseleaf_type=0
mon_allow_pool_size_one=true
mon_warn_on_pool_no_redundancy=false
mon_max_pg_per_osd=1000
run_dir=${home}/run
admin_socket=${home}/run/$name.$pid.asok
log_file=${home}/log/$name.log
pid_file=${home}/run/$name.pid
keyring=${home}/etc/keyring
erasure_code_dir=${lib}/ceph/erasure-code
plugin_dir=${lib}/ceph
osd_class_dir=${lib}/rados-classes
[mon]
mon_data=${home}/data/mon.a
mon_data_avail_warn=2
mon_data_avail_crit=1
mon_pg_warn_min_per_osd=0
[osd]
osd_data=${home}/data/osd.0
osd_objectstore=bluestore
bluestore_block_create=true
bluestore_block_size=4294967296
bluestore_cache_autotune=false
bluestore_cache_size=67108864
osd_memory_target=536870912
osd_max_object_name_len=256
osd_max_object_namespace_len=64
[client.rgw.a]
# Without tcp_nodelay every download takes 43 ms.
rgw_frontends=beast endpoint=127.0.0.1:${rgwPort} tcp_nodelay=1
rgw_dns_name=
rgw_run_sync_thread=false
rgw_enable_usage_log=false
rgw_enable_ops_log=false
`;
}
